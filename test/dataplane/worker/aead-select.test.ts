/** Which AEAD a worker gets. */
import { expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { OpenSslError } from '../../../dataplane/io/openssl.ts';
import { selectAead } from '../../../dataplane/worker/aead-select.ts';

const arena = new Arena(65_536);
const memory = { bytes: arena.bytes, view: arena.view };

test('selectAead() takes OpenSSL where it works, without a word', () => {
  const choice = selectAead(memory, arena.base);
  expect(choice.provider.name).toMatch(/^OpenSSL 3\.\d+\.\d+\S* \((node|libcrypto\.so\.3)\)$/);
  expect(choice).not.toHaveProperty('warning');
});

test('selectAead() falls back to JavaScript and says why', () => {
  const choice = selectAead(memory, arena.base, () => {
    throw new OpenSslError('ERR_ICX_OPENSSL_MISSING', 'Cannot call OpenSSL 3 (node: no such symbol)');
  });
  expect(choice.provider.name).toBe('@noble/ciphers');
  expect(choice.warning).toMatch(/no such symbol.*JavaScript/);
});

test('selectAead() does not hide a mistake of its own', () => {
  const broken = () => {
    throw new TypeError('a bug');
  };
  expect(() => selectAead(memory, arena.base, broken)).toThrow('a bug');
});
