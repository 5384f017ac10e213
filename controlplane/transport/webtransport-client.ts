/**
 * Dials one peer over WebTransport on HTTP/2, pinned to its key.
 *
 * The library's own client can show no certificate and checks the peer's by a hash known in
 * advance. So the TLS connection is ours, checked before HTTP/2 begins, and the library's
 * WebTransport class runs over it.
 */
import { once } from 'node:events';
import { connect as connectHttp2, type SecureClientSessionOptions } from 'node:http2';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { joinHostPort } from './socket-address.ts';
import { provenKey } from './tls-identity.ts';
import { type DialTarget, TransportError } from './transport.ts';
import { hangUpSoon, WebTransportConnection } from './webtransport-connection.ts';
import { guardParser, guardSession } from './webtransport-guard.ts';
import {
  type ClientArguments,
  type DrivenSession,
  FLOW_WINDOWS,
  type Http2Client,
  type HttpClient,
  type WebTransportBase,
  type WebTransportLibrary,
} from './webtransport-library.ts';
import { PATH } from './webtransport-server.ts';

export const HTTP2_CARRIER = 'HTTP/2 over TCP';

/**
 * @param signal Ends the attempt, in whatever state it is.
 * @throws {TransportError} PEER_KEY, REFUSED, UNREACHABLE
 */
export async function dialHttp2(
  library: WebTransportLibrary,
  context: SecureContext,
  target: DialTarget,
  signal: AbortSignal,
): Promise<WebTransportConnection> {
  const tried = `Cannot dial ${joinHostPort(target.host, target.port)} over ${HTTP2_CARRIER}`;
  const socket = await openTls(context, target, tried, signal);
  const giveUp = () => socket.destroy();
  signal.addEventListener('abort', giveUp);
  try {
    const session = startSession(library, target, socket);
    await session.ready;
    guardParser(session.sessionint);
    const stream = await session.createBidirectionalStream();
    return new WebTransportConnection(session, stream, {
      peerKey: Uint8Array.from(target.peerKey),
      dialled: true,
      remoteAddress: target.host,
      hangUp: () => void hangUpSoon(socket),
    });
  } catch {
    socket.destroy();
    throw new TransportError(
      'ERR_ICX_TRANSPORT_REFUSED',
      `${tried}: the peer hung up before the session began`,
      'our public key may not be configured there: compare it with what icx pubkey prints here',
    );
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

async function openTls(
  context: SecureContext,
  target: DialTarget,
  tried: string,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { host, port } = target;
  // The certificate is checked below, by the only thing that counts: its key.
  const options = { host, port, secureContext: context, ALPNProtocols: ['h2'], rejectUnauthorized: false };
  const socket = connectTls(options);
  socket.on('error', () => {});
  try {
    await once(socket, 'secureConnect', { signal });
  } catch (error) {
    socket.destroy();
    throw new TransportError('ERR_ICX_TRANSPORT_UNREACHABLE', `${tried}: ${(error as Error).message}`);
  }
  const key = provenKey(socket);
  if (key !== null && Buffer.from(key).equals(target.peerKey)) return socket;
  socket.destroy();
  throw new TransportError(
    'ERR_ICX_TRANSPORT_PEER_KEY',
    `${tried}: another key answered than the peer's public_key`,
    "compare the peer's public_key with what icx pubkey prints there, and the address",
  );
}

function startSession(library: WebTransportLibrary, target: DialTarget, socket: TLSSocket): WebTransportBase {
  const { host, port, timeoutMs } = target;
  const PinnedWebTransport = class extends library.WebTransportBase {
    createClient(options: ClientArguments): { client: HttpClient; sessionint: DrivenSession } {
      const sessionint = guardSession(new library.HttpWTSession({ parentobj: {} }));
      const gone = () => sessionint.onClose({ errorcode: 0, error: '' });
      const client = new library.HttpClient({
        ...options,
        quicConnectTimeout: timeoutMs,
        webTransportConnectTimeout: timeoutMs,
        createReliableClient: () =>
          http2Over(new library.Http2WebTransportClient({ ...options, ...FLOW_WINDOWS }), socket, gone),
      });
      return { client, sessionint };
    }

    startUpConnection({ client, sessionint }: { client: HttpClient; sessionint: DrivenSession }): void {
      client
        .handleConnection({ createTransport: true, path: PATH })
        .then(() => client.createWTSession(sessionint, PATH))
        .catch(() => sessionint.onClose({ errorcode: 0, error: '' }));
    }
  };
  return new PinnedWebTransport(`https://${joinHostPort(host, port)}${PATH}`, {});
}

/** The library's HTTP/2 client, made to use a connection that stands already. */
function http2Over(client: Http2Client, socket: TLSSocket, gone: () => void): Http2Client {
  client.createTransport = () => {
    const session = connectHttp2('https://localhost', sessionOptions(client, socket));
    client.clientInt = session;
    session.once('connect', () => client.jsobj.onClientConnected({ success: true }));
    session.once('remoteSettings', () => client.jsobj.onClientWebTransportSupport({}));
    session.on('error', () => {});
    session.once('close', gone);
  };
  return client;
}

/** @see draft-ietf-webtrans-http2 §4.3 for the settings */
function sessionOptions(client: Http2Client, socket: TLSSocket): SecureClientSessionOptions {
  const customSettings = {
    11105: client.initialSessionFlowControlWindow,
    11106: client.initialStreamFlowControlWindow,
    11107: client.initialStreamFlowControlWindow,
    11108: client.initialUnidirectionalStreams,
    11109: client.initialBidirectionalStreams,
  };
  const options = {
    createConnection: () => socket,
    settings: { enableConnectProtocol: true, customSettings },
    remoteCustomSettings: Object.keys(customSettings).map(Number),
  };
  return options as SecureClientSessionOptions;
}
