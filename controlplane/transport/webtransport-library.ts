/**
 * Loads the parts of the WebTransport library that HTTP/2 needs, quietly.
 *
 * The library's entry point looks for its HTTP/3 transport and writes to the terminal when
 * there is none. The modules behind it do not, so they are loaded by their paths; the library's
 * version is pinned in package.json, for these paths are not part of its interface.
 */
import type { Http2SecureServer, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';

/** @see https://www.w3.org/TR/webtransport/#webtransport-stream */
export interface BidirectionalStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** @see https://www.w3.org/TR/webtransport/#dictdef-webtransportcloseinfo */
export interface SessionCloseInfo {
  readonly closeCode: number;
  readonly reason: string;
}

/** @see https://www.w3.org/TR/webtransport/#webtransport */
export interface Session {
  readonly ready: Promise<unknown>;
  readonly closed: Promise<SessionCloseInfo>;
  readonly draining: Promise<unknown>;
  readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>;
  createBidirectionalStream(): Promise<BidirectionalStream>;
  close(info: SessionCloseInfo): void;
}

/** A session as the library's transports drive it. */
export interface DrivenSession extends Session {
  onClose(event: unknown): void;
}

/** What the library's HTTP/2 server reports to. */
export interface ServerEvents {
  onHttpWTSessionVisitor(visit: {
    session: unknown;
    path: string;
    header: object;
    peerAddress: string;
  }): void;
  onServerListening(): void;
  onServerError(): void;
  onServerClose(): void;
}

export interface Http2Server {
  readonly serverInt: Http2SecureServer;
  jsobj: ServerEvents;
  addPath(path: string): void;
}

export interface Http2Client {
  clientInt: Http2Session | undefined;
  readonly initialSessionFlowControlWindow: number;
  readonly initialStreamFlowControlWindow: number;
  readonly initialUnidirectionalStreams: number;
  readonly initialBidirectionalStreams: number;
  readonly jsobj: {
    onClientConnected(event: { success: boolean }): void;
    onClientWebTransportSupport(event: object): void;
  };
  createTransport(): void;
}

export interface HttpClient {
  handleConnection(request: { createTransport: boolean; path: string }): Promise<void>;
  createWTSession(session: DrivenSession, path: string): Promise<unknown>;
  closeHookSession(): void;
}

/** Arguments of {@link WebTransportLibrary.WebTransportBase}, handed on to `createClient`. */
export interface ClientArguments {
  readonly host: string;
  readonly port: string;
  readonly socket: Socket;
  readonly timeoutMs: number;
}

/** The library's WebTransport class, less the choice between its carriers. */
export interface WebTransportBase extends Session {
  readonly sessionint: DrivenSession;
}

export interface WebTransportLibrary {
  readonly WebTransportBase: new (url: string, options: object) => WebTransportBase;
  readonly HttpClient: new (options: object) => HttpClient;
  readonly HttpWTSession: new (options: object) => DrivenSession;
  readonly Http2WebTransportClient: new (options: object) => Http2Client;
  readonly Http2WebTransportServer: new (options: object) => Http2Server;
}

/**
 * Windows of both sides, in bytes; first and largest size are the same on purpose.
 *
 * The library's server counts a session's window from the largest size but announces the first:
 * where they differ the other side stops for good after its first window.
 */
export const FLOW_WINDOWS = {
  initialStreamFlowControlWindow: 262_144,
  streamFlowControlWindowSizeLimit: 262_144,
  initialSessionFlowControlWindow: 524_288,
  sessionFlowControlWindowSizeLimit: 524_288,
} as const;

let library: Promise<WebTransportLibrary> | null = null;

export function webTransportLibrary(): Promise<WebTransportLibrary> {
  library ??= load();
  return library;
}

async function load(): Promise<WebTransportLibrary> {
  const entry = import.meta.resolve('@fails-components/webtransport');
  const part = (path: string) => import(new URL(path, entry).href);
  const [base, client, session, http2] = await Promise.all([
    part('./webtransportbase.js'),
    part('./client.js'),
    part('./session.js'),
    part('./http2/node/index.js'),
  ]);
  return { ...base, ...client, ...session, ...http2 } as WebTransportLibrary;
}
