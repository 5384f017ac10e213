/**
 * Writes and reads the big-endian fields of control messages, every access checked.
 */

/** A sealed control message is not as this protocol version defines it. */
export class MessageError extends Error {
  readonly code = 'ERR_ICX_MESSAGE_MALFORMED';

  constructor(what: string) {
    super(`malformed control message: ${what}`);
    this.name = 'MessageError';
  }
}

/** Collects fields. @throws {RangeError} when a value does not fit: TypedArrays would cut it. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): void {
    this.#unsigned(value, 1, 0xff);
  }

  u32(value: number): void {
    this.#unsigned(value, 4, 0xffffffff);
  }

  /** Safe integers only. */
  u64(value: number): void {
    this.#unsigned(value, 8, Number.MAX_SAFE_INTEGER);
  }

  /** As they are; they stay the caller's until {@link finish}. */
  bytes(value: Uint8Array): void {
    this.#parts.push(value);
  }

  /** UTF-8 up to the end of the message. */
  text(value: string): void {
    this.#parts.push(Buffer.from(value));
  }

  finish(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }

  #unsigned(value: number, lengthBytes: number, max: number): void {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw new RangeError(`Cannot write ${value} as ${lengthBytes} bytes`);
    }
    const field = new Uint8Array(8);
    new DataView(field.buffer).setBigUint64(0, BigInt(value));
    this.#parts.push(field.subarray(8 - lengthBytes));
  }
}

/** Takes fields in order. Every method throws MessageError past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** @throws {MessageError} for values past the safe integers too. */
  u64(): number {
    const value = Number(this.#view.getBigUint64(this.#take(8)));
    if (!Number.isSafeInteger(value)) throw new MessageError('number too large');
    return value;
  }

  /** The rest as UTF-8; invalid sequences become U+FFFD. */
  text(): string {
    const text = Buffer.from(this.#bytes.subarray(this.#at)).toString('utf8');
    this.#at = this.#bytes.length;
    return text;
  }

  /** @throws {MessageError} when fields are left over. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new MessageError('too long');
  }

  #take(lengthBytes: number): number {
    const at = this.#at;
    if (this.#bytes.length - at < lengthBytes) throw new MessageError('too short');
    this.#at += lengthBytes;
    return at;
  }
}
