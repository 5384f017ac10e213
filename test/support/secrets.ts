/** Looks for key bytes in whatever a program lets out, in every form that a leak could take. */
import { createHash } from 'node:crypto';

/** Characters of a secret that count as a leak: a cut one is a leak as well. */
const PART_LEN = 16;

/** Private key, or preshared key: 32 bytes as base64. @returns Texts that nobody may see, by form. */
export function secretForms(base64: string): ReadonlyMap<string, string> {
  const key = Buffer.from(base64, 'base64');
  // The X25519 secret of an Ed25519 seed is as good as the seed.
  const image = createHash('sha512').update(key).digest().subarray(0, 32);
  const forms = new Map<string, string>();
  for (const [what, bytes] of [
    ['key', key],
    ['X25519 secret', image],
    ['clamped X25519 secret', clamped(image)],
  ] as const) {
    forms.set(`${what} in base64`, bytes.toString('base64').slice(0, PART_LEN));
    forms.set(`${what} in base64url`, bytes.toString('base64url').slice(0, PART_LEN));
    forms.set(`${what} in hex`, bytes.toString('hex').slice(0, PART_LEN));
    forms.set(`${what} in HEX`, bytes.toString('hex').toUpperCase().slice(0, PART_LEN));
    forms.set(`${what} as an array`, [...bytes.subarray(8, 16)].join(','));
    forms.set(`${what} as a printed array`, [...bytes.subarray(8, 16)].join(', '));
    forms.set(`${what} as a JSON object`, JSON.stringify({ ...bytes.subarray(0, 8) }).slice(1, -1));
    forms.set(`${what} as inspected`, (bytes.toString('hex').match(/../g) ?? []).slice(0, 8).join(' '));
    forms.set(`${what} as bytes`, bytes.toString('latin1').slice(0, PART_LEN));
  }
  return forms;
}

function clamped(scalar: Buffer): Buffer {
  const bytes = Buffer.from(scalar);
  bytes[0] = (bytes[0] ?? 0) & 0xf8;
  bytes[31] = ((bytes[31] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

/** @returns `what was found where`, nothing when the outputs are clean. */
export function findSecrets(
  secrets: Readonly<Record<string, string>>,
  outputs: Readonly<Record<string, string | Buffer>>,
): string[] {
  return Object.entries(secrets).flatMap(([name, base64]) =>
    [...secretForms(base64)].flatMap(([form, text]) =>
      Object.entries(outputs)
        .filter(([, output]) =>
          Buffer.from(output).includes(text, 0, form.endsWith('bytes') ? 'latin1' : 'utf8'),
        )
        .map(([place]) => `${name}: ${form} in ${place}`),
    ),
  );
}
