/**
 * One QUIC connection with its one stream, as the control plane sees it.
 */
import { settledWithin } from './deadline.ts';
import { FLUSH_MS, MAX_REASON_LEN, PIECE_LEN } from './limits.ts';
import { CloseCode, closeInfo, plainCause } from './quic-error.ts';
import type { IrohConnection, IrohStream } from './quic-library.ts';
import { type CloseInfo, type ControlConnection, TransportError } from './transport.ts';

/** Bytes of all streams together that a peer may send ahead of our reading. */
const RECEIVE_WINDOW = 262_144n;

export interface QuicFacts {
  readonly peerKey: Uint8Array;
  readonly dialled: boolean;
  readonly remoteAddress: string;
}

export class QuicConnection implements ControlConnection {
  readonly peerKey: Uint8Array;
  readonly dialled: boolean;
  readonly remoteAddress: string;
  readonly closed: Promise<CloseInfo>;
  /** Null once closed: the library's objects keep the socket open as long as they are referred to. */
  #live: { connection: IrohConnection; stream: IrohStream } | null;
  /** Settles when every write so far has. */
  #written: Promise<void> = Promise.resolve();
  #closing: string | null = null;
  #ended: CloseInfo | null = null;

  constructor(connection: IrohConnection, stream: IrohStream, facts: QuicFacts) {
    this.peerKey = facts.peerKey;
    this.dialled = facts.dialled;
    this.remoteAddress = facts.remoteAddress;
    this.#live = { connection, stream };
    this.closed = connection.closed().then((text) => this.#end(text));
  }

  async read(): Promise<Uint8Array | null> {
    const live = this.#live;
    if (live === null) return null;
    try {
      const piece = await live.stream.recv.read(PIECE_LEN);
      return piece.length === 0 ? null : Uint8Array.from(piece);
    } catch {
      return null; // `closed` says why
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closing !== null) return Promise.reject(this.#closedError(''));
    // The library takes writes that overlap in any order.
    const written = this.#written.then(() => this.#writePieces(bytes));
    this.#written = written.catch(() => {});
    return written;
  }

  async #writePieces(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_LEN) {
      const live = this.#live;
      if (live === null) throw this.#closedError('');
      try {
        // The library takes number[] only; control messages are a few KiB.
        await live.stream.send.writeAll(Array.from(bytes.subarray(at, at + PIECE_LEN)));
      } catch (error) {
        throw this.#closedError(plainCause(error));
      }
    }
  }

  close(reason: string): void {
    if (this.#closing !== null || this.#live === null) return;
    this.#closing = reason;
    void this.#flushAndClose(this.#live, reason);
  }

  async #flushAndClose(
    live: { connection: IrohConnection; stream: IrohStream },
    reason: string,
  ): Promise<void> {
    // CONNECTION_CLOSE overtakes stream data (RFC 9000 §10.2): wait until the peer has it.
    const { send } = live.stream;
    await settledWithin(
      this.#written.then(() => send.finish()).then(() => send.stopped()),
      FLUSH_MS,
    );
    closeConnection(live.connection, CloseCode.done, reason);
  }

  #end(text: string): CloseInfo {
    this.#live = null;
    this.#ended = this.#closing === null ? closeInfo(text) : { code: 'closed', message: this.#closing };
    return this.#ended;
  }

  #closedError(cause: string): TransportError {
    const why = this.#ended?.message ?? this.#closing ?? cause;
    return new TransportError('ERR_ICX_TRANSPORT_CLOSED', `Cannot write to the control connection: ${why}`);
  }
}

/** Ends a connection; the reason reaches the peer. */
export function closeConnection(connection: IrohConnection, code: bigint, reason: string): void {
  connection.close(code, Array.from(Buffer.from(reason.slice(0, MAX_REASON_LEN))));
}

/** Bounds what a peer may make us hold: one stream or none of its own, and a small window. */
export function limitConnection(connection: IrohConnection, peerStreams: bigint): void {
  connection.setMaxConcurrentBiStreams(peerStreams);
  connection.setMaxConcurrentUniStreams(0n);
  connection.setReceiveWindow(RECEIVE_WINDOW);
}
