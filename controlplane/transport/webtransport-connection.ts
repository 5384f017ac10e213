/**
 * One WebTransport session with its one stream, as the control plane sees it.
 */
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { settledWithin } from './deadline.ts';
import { LINGER_MS, MAX_REASON_LEN } from './limits.ts';
import { readableReason } from './reason.ts';
import { type CloseInfo, type ControlConnection, TransportError } from './transport.ts';
import type { BidirectionalStream, Session, SessionCloseInfo } from './webtransport-library.ts';

export interface WebTransportFacts {
  readonly peerKey: Uint8Array | null;
  readonly dialled: boolean;
  readonly remoteAddress: string | null;
  /** Drops what carries the session, after a moment for what is on its way out; may be called again. */
  hangUp(): void;
}

export class WebTransportConnection implements ControlConnection {
  readonly peerKey: Uint8Array | null;
  readonly dialled: boolean;
  readonly remoteAddress: string | null;
  readonly closed: Promise<CloseInfo>;
  readonly #session: Session;
  readonly #facts: WebTransportFacts;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #closing: string | null = null;
  #ended: CloseInfo | null = null;

  constructor(session: Session, stream: BidirectionalStream, facts: WebTransportFacts) {
    this.peerKey = facts.peerKey;
    this.dialled = facts.dialled;
    this.remoteAddress = facts.remoteAddress;
    this.#session = session;
    this.#facts = facts;
    this.#reader = stream.readable.getReader();
    this.#writer = stream.writable.getWriter();
    // `closed` below tells how it ended; these would be unhandled rejections.
    this.#reader.closed.catch(() => {});
    this.#writer.closed.catch(() => {});
    this.closed = session.closed.then(
      (info) => this.#end(info),
      () => this.#end({ closeCode: 0, reason: '' }),
    );
  }

  async read(): Promise<Uint8Array | null> {
    const ended = this.closed.then(() => ({ done: true, value: undefined }));
    const piece = await Promise.race([this.#reader.read(), ended]).catch(() => null);
    return piece?.value ?? null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closing !== null || this.#ended !== null) throw this.#closedError();
    if (bytes.length === 0) return;
    // A copy: the library still refers to the bytes when it says they are written. And it never
    // answers for bytes that wait for a window when the session ends: `closed` does.
    const written = this.#writer.write(Uint8Array.from(bytes)).then(
      () => true,
      () => false,
    );
    const took = await Promise.race([written, this.closed.then(() => false)]);
    if (!took) throw this.#closedError();
  }

  close(reason: string): void {
    if (this.#closing !== null || this.#ended !== null) return;
    this.#closing = reason;
    // Code 0 always: the library resets the HTTP/2 stream with any other, and the reason is lost.
    this.#session.close({ closeCode: 0, reason: reason.slice(0, MAX_REASON_LEN) });
    // The peer may be gone and never end its half.
    this.#facts.hangUp();
  }

  #end(info: SessionCloseInfo): CloseInfo {
    this.#ended =
      this.#closing === null ? closeInfo(info.reason) : { code: 'closed', message: this.#closing };
    this.#facts.hangUp();
    return this.#ended;
  }

  #closedError(): TransportError {
    const why = this.#ended?.message ?? this.#closing ?? 'the connection broke';
    return new TransportError('ERR_ICX_TRANSPORT_CLOSED', `Cannot write to the control connection: ${why}`);
  }
}

/** @param text The peer's reason, or an error that the library turned into text. */
function closeInfo(text: string): CloseInfo {
  const reason = readableReason(text);
  const failure = /^\w*Error(?: \[\w+\])?: (.*)$/.exec(reason);
  if (reason !== '' && failure === null) return { code: 'closed', message: reason };
  const why = failure === null ? '' : `: ${failure[1]}`;
  return { code: 'ERR_ICX_TRANSPORT_CLOSED', message: `the connection broke${why}` };
}

/** The first stream the peer opens; null when the session ends without one. */
export async function firstStream(session: Session): Promise<BidirectionalStream | null> {
  const reader = session.incomingBidirectionalStreams.getReader();
  const ended = session.closed.then(
    () => undefined,
    () => undefined,
  );
  const first = await Promise.race([reader.read().catch(() => undefined), ended]);
  return first?.value ?? null;
}

/** Drops a socket whose session ended, after what is on its way out has left. */
export async function hangUpSoon(socket: TLSSocket): Promise<void> {
  await settledWithin(once(socket, 'close'), LINGER_MS);
  socket.destroy();
}
