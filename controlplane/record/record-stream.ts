/**
 * A control connection as a stream of records.
 */
import type { Clock } from '../clock.ts';
import type { ControlConnection } from '../transport/transport.ts';
import { type ControlRecord, RecordReader } from './record.ts';

/** Bytes that may wait for a peer that does not read. */
const MAX_QUEUED = 65_536;
/** Time that last words get to reach the peer before the close overtakes them, in ms. */
const LINGER_MS = 200;

const NOTHING = new Uint8Array();

export class RecordStream {
  readonly connection: ControlConnection;
  readonly #clock: Clock;
  readonly #reader = new RecordReader();
  #records = this.#reader.push(NOTHING);
  #queued = 0;
  #closed = false;

  constructor(connection: ControlConnection, clock: Clock) {
    this.connection = connection;
    this.#clock = clock;
  }

  /** Bytes that wait for the peer to read. */
  get queued(): number {
    return this.#queued;
  }

  /**
   * The next record; null once the peer finished or the connection ended.
   *
   * @throws {RecordError} when the bytes are no records; nothing can follow.
   */
  async next(): Promise<ControlRecord | null> {
    for (;;) {
      const record = this.#records.next();
      if (!record.done) return record.value;
      const bytes = await this.connection.read();
      if (bytes === null) return null;
      this.#records = this.#reader.push(bytes);
    }
  }

  /** Records go out in the order of the calls. Nothing is sent once closed. */
  send(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#queued + bytes.length > MAX_QUEUED) {
      this.close('the peer does not read');
      return;
    }
    this.#queued += bytes.length;
    this.connection.write(bytes).then(
      () => {
        this.#queued -= bytes.length;
      },
      // The connection reports its end itself.
      () => {},
    );
  }

  close(reason: string): void {
    this.#closed = true;
    this.connection.close(reason);
  }

  /** Sends last words and gives them time: most transports drop on close what is under way. */
  closeAfter(lastWords: Uint8Array, reason: string): void {
    this.send(lastWords);
    if (this.#closed) return;
    this.#closed = true;
    const close = (): void => this.connection.close(reason);
    const timer = this.#clock.setTimer(LINGER_MS, close);
    this.connection.closed.then(() => timer.cancel()).catch(() => {});
  }
}
