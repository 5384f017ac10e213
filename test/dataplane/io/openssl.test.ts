/** Where OpenSSL is looked for, and what is said when it is not there. */
import koffi from 'koffi';
import { expect, test } from 'vitest';
import { loadOpenSsl } from '../../../dataplane/io/openssl.ts';

const libc = () => koffi.load('libc.so.6');

test('loadOpenSsl() prefers the OpenSSL of the node process', () => {
  const asked: (string | null)[] = [];
  const ssl = loadOpenSsl((path) => {
    asked.push(path);
    return koffi.load(path);
  });
  expect(asked[0]).toBeNull();
  expect(ssl.name).toMatch(/^OpenSSL 3\./);
});

test('loadOpenSsl() takes libcrypto.so.3 when the process has no OpenSSL', () => {
  const asked: (string | null)[] = [];
  const ssl = loadOpenSsl((path) => {
    asked.push(path);
    return path === null ? libc() : koffi.load(null);
  });
  expect(asked).toEqual([null, 'libcrypto.so.3']);
  expect(ssl.name).toMatch(/\(libcrypto\.so\.3\)$/);
});

test('loadOpenSsl() says what was tried when neither works', () => {
  const load = (path: string | null) => {
    if (path === null) return libc();
    throw new Error('no such file');
  };
  expect(() => loadOpenSsl(load)).toThrow(
    expect.objectContaining({
      code: 'ERR_ICX_OPENSSL_MISSING',
      message: expect.stringMatching(/node: .+; libcrypto\.so\.3: no such file/),
    }),
  );
});
