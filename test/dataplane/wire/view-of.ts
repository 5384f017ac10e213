/** Bytes under test at an odd offset with poison around them, so that reads and writes astray show. */

export const AT = 3;
const POISON = 0x44;
const MARGIN = 80;

/** A view of memory that holds the bytes of `hex` (spaces ignored) at AT. */
export function viewOf(hex: string): DataView {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const memory = new Uint8Array(AT + bytes.length + MARGIN).fill(POISON);
  memory.set(bytes, AT);
  return new DataView(memory.buffer);
}

/** A view that ends with the bytes of `hex`: reading on throws. */
export function exactView(hex: string): DataView {
  return new DataView(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')).buffer);
}

/** Hex text of `len` bytes from `at`. */
export function hexOf(view: DataView, len: number, at: number = AT): string {
  return Buffer.from(view.buffer, view.byteOffset + at, len).toString('hex');
}
