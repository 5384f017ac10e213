/** Crafts sealed frames with node:crypto, field by field: right ones and wrong ones. */
import { createCipheriv } from 'node:crypto';
import { hexBytes } from '../../support/aead-providers.ts';
import { KEY_A, VNI } from './host.ts';

export interface FrameFields {
  readonly version?: number;
  readonly flags?: number;
  readonly vni?: number;
  readonly type?: number;
  readonly spi?: number;
  readonly nonceSpi?: number;
  readonly counter?: bigint;
  /** Replaces both options, as hexadecimal. */
  readonly options?: string;
  /** Comes before both options, as hexadecimal. */
  readonly before?: string;
  readonly key?: string;
}

export function spiOption(spi: number): string {
  return `ff008101${hex(spi, 4)}`;
}

export function counterOption(spi: number, counter: bigint): string {
  return `ff008203${hex(spi, 4)}${hex(counter, 8)}`;
}

export function craftFrame(inner: Uint8Array, fields: FrameFields = {}): Uint8Array {
  const { version = 0, flags = 0x40, vni = VNI, type = 0x0800, spi = 1, counter = 1n } = fields;
  const nonceSpi = fields.nonceSpi ?? spi;
  const both = fields.options ?? spiOption(spi) + counterOption(nonceSpi, counter);
  const options = hexBytes((fields.before ?? '') + both);
  const start = `${hex((version << 6) | (options.length / 4), 1)}${hex(flags, 1)}${hex(type, 2)}${hex(vni, 3)}00`;
  const header = Buffer.concat([hexBytes(start), options]);
  const nonce = hexBytes(hex(nonceSpi, 4) + hex(counter, 8));
  const cipher = createCipheriv('aes-128-gcm', hexBytes(fields.key ?? KEY_A), nonce, { authTagLength: 16 });
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  return new Uint8Array(Buffer.concat([header, sealed]));
}

function hex(value: number | bigint, bytes: number): string {
  return value.toString(16).padStart(bytes * 2, '0');
}
