/** What only the OpenSSL provider can get wrong: native memory, contexts, and failing calls. */
import { createCipheriv } from 'node:crypto';
import koffi from 'koffi';
import { afterEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { addressOf } from '../../../dataplane/io/libc.ts';
import { loadOpenSsl, type OpenSsl } from '../../../dataplane/io/openssl.ts';
import { OpenSslAead, opensslAead } from '../../../dataplane/io/openssl-aead.ts';
import { selfTest } from '../../../dataplane/io/openssl-self-test.ts';
import { COUNTER, ENTRY_1 } from '../../../dataplane/io/param-blocks.ts';
import { hexBytes, toHex } from '../../support/aead-providers.ts';
import { retainedPerCall } from '../../support/heap-growth.ts';

const SPI = 0xc000_0001;
const KEY = new Uint8Array(16).fill(0x42);
const arena = new Arena(65_536);
const memory = { bytes: arena.bytes, view: arena.view };
const real = loadOpenSsl();

/** The real OpenSSL, with some functions replaced, and its contexts counted. */
function tampered(changes: (ssl: OpenSsl) => Partial<OpenSsl> = () => ({})) {
  const open = new Set<number>();
  const ssl: OpenSsl = {
    ...real,
    newContext: () => {
      const context = real.newContext();
      open.add(context);
      return context;
    },
    freeContext: (context) => {
      expect(open.delete(context), 'freed once').toBe(true);
      real.freeContext(context);
    },
    ...changes(real),
  };
  return { open, provider: new OpenSslAead(ssl, memory, arena.base) };
}

function writeNonce(view: DataView, at: number, counter: number, spi = SPI): void {
  view.setUint32(at, spi);
  view.setBigUint64(at + 4, BigInt(counter));
}

/** Header at 0 with the nonce at 20, body behind it. */
const sealFrame = (key: ReturnType<OpenSslAead['sealKey']>, len: number) => key.seal(20, 0, 32, 32, len, 32);
const openFrame = (key: ReturnType<OpenSslAead['openKey']>, len: number) => key.open(20, 0, 32, 32, len, 32);

describe('native memory', () => {
  const mmap = koffi
    .load('libc.so.6')
    .func('mmap', 'int64_t', ['int64_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const munmap = koffi.load('libc.so.6').func('munmap', 'int', ['int64_t', 'size_t']);
  const HALF = 65_536;
  const MAP_FIXED_NOREPLACE = 0x10_0000;
  const MAP_PRIVATE_ANONYMOUS = 0x22;
  let mapped = -1;

  afterEach(() => {
    if (mapped !== -1) munmap(mapped, 2 * HALF);
    mapped = -1;
  });

  test.each([1, 2])('packets on either side of %i x 4 GiB, and across it', (multiple) => {
    const base = multiple * 0x1_0000_0000 - HALF;
    mapped = mmap(base, 2 * HALF, 3, MAP_PRIVATE_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) as number;
    expect(mapped, 'the address range was free').toBe(base);
    const bytes = new Uint8Array(koffi.view(BigInt(base), 2 * HALF));
    const view = new DataView(bytes.buffer);
    const provider = opensslAead({ bytes, view }, base);
    const seal = provider.sealKey(0, KEY, SPI);
    const open = provider.openKey(0, KEY, SPI);
    let counter = 0;
    for (const at of [
      0,
      HALF - 48 - 64,
      HALF - 48 - 63,
      HALF - 60,
      HALF - 32,
      HALF - 22,
      HALF - 1,
      HALF,
      HALF + 64,
    ]) {
      const plain = Uint8Array.from({ length: 64 }, (_, i) => (i + at) & 0xff);
      writeNonce(view, at + 20, ++counter);
      bytes.set(plain, at + 32);
      const cipher = createCipheriv('aes-128-gcm', KEY, bytes.slice(at + 20, at + 32), { authTagLength: 16 });
      cipher.setAAD(bytes.slice(at, at + 32));
      const expected = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      expect(seal.seal(at + 20, at, 32, at + 32, 64, at + 32), `seal at ${at}`).toBe(true);
      expect(toHex(bytes, at + 32, 80)).toBe(expected.toString('hex'));
      expect(open.open(at + 20, at, 32, at + 32, 64, at + 32), `open at ${at}`).toBe(true);
      expect(toHex(bytes, at + 32, 64)).toBe(toHex(plain));
    }
    seal.destroy();
    open.destroy();
  });

  test('seal() and open() keep nothing', () => {
    const provider = opensslAead(memory, arena.base);
    const seal = provider.sealKey(0, KEY, SPI);
    const open = provider.openKey(0, KEY, SPI);
    let counter = 0;
    const growth = retainedPerCall(100_000, () => {
      counter++;
      arena.view.setUint32(20, SPI);
      arena.view.setUint32(24, 0);
      arena.view.setUint32(28, counter);
      if (!sealFrame(seal, 100) || !openFrame(open, 100)) throw new Error(`packet ${counter}`);
    });
    expect(growth).toBeLessThan(1);
    seal.destroy();
    open.destroy();
  });

  test('the copy of the key that OpenSSL read is overwritten', () => {
    const copies: number[] = [];
    const { provider } = tampered((ssl) => ({
      initSeal: (context, cipher, engine, key, nonce) => {
        copies.push(key);
        expect([...(koffi.decode(BigInt(key), 'uint8_t', 16) as Uint8Array)]).toEqual([...KEY]);
        return ssl.initSeal(context, cipher, engine, key, nonce);
      },
    }));
    const seal = provider.sealKey(0, KEY, SPI);
    expect([...(koffi.decode(BigInt(copies[0] ?? 0), 'uint8_t', 16) as Uint8Array)]).toEqual(
      new Array(16).fill(0),
    );
    seal.destroy();
  });
});

describe('contexts', () => {
  test('10,000 keys live side by side, each with its own counter', () => {
    const { open, provider } = tampered();
    const keys = Array.from({ length: 10_000 }, (_, i) => provider.sealKey(0, KEY, i + 1));
    for (const counter of [1, 2]) {
      keys.forEach((key, i) => {
        writeNonce(arena.view, 20, counter, i + 1);
        expect(sealFrame(key, 16)).toBe(true);
      });
    }
    expect(open.size).toBe(10_000);
    for (const key of keys) key.destroy();
    expect(open.size).toBe(0);
  });

  test('native memory does not grow as keys come and go', () => {
    const addresses = new Set<number>();
    const { provider } = tampered((ssl) => ({
      getParams: (context, params) => {
        addresses.add(params);
        return ssl.getParams(context, params);
      },
    }));
    for (let i = 0; i < 2000; i++) provider.sealKey(0, KEY, SPI).destroy();
    expect(addresses.size).toBe(1);
  });

  test('a destroyed key does not touch the block that its successor took over', () => {
    const { provider } = tampered();
    const old = provider.sealKey(0, KEY, SPI);
    old.destroy();
    const next = provider.sealKey(0, KEY, SPI);
    old.destroy();
    writeNonce(arena.view, 20, 1);
    expect(sealFrame(old, 16)).toBe(false);
    expect(sealFrame(next, 16)).toBe(true);
    next.destroy();
  });

  test.each([
    ['initSeal', { initSeal: () => 0 }],
    ['control', { control: () => 0 }],
    ['getParams', { getParams: () => 0 }],
  ])('none is left behind when %s fails', (_, change) => {
    const { open, provider } = tampered(() => change);
    expect(() => provider.sealKey(0, KEY, SPI)).toThrow(
      expect.objectContaining({ code: 'ERR_ICX_OPENSSL_FAILED' }),
    );
    expect(open.size).toBe(0);
  });

  test('running out of memory is an error, not a null pointer', () => {
    const { provider } = tampered(() => ({ newContext: () => 0 }));
    expect(() => provider.openKey(0, KEY, SPI)).toThrow('make a cipher context');
  });

  test('a cipher that is not there is an error', () => {
    expect(() => tampered(() => ({ fetchCipher: () => 0 }))).toThrow('fetch AES-128-GCM');
  });
});

describe('failing calls', () => {
  test.each(['additional data', 'body', 'finish', 'tag'])(
    'seal() says false and ends the key: %s',
    (step) => {
      let armed = false;
      const { open, provider } = tampered((ssl) => ({
        cipher: (context, out, input, len) => {
          const at = input === 0 ? 'finish' : out === 0 ? 'additional data' : 'body';
          return armed && at === step ? -1 : ssl.cipher(context, out, input, len);
        },
        getParams: (context, params) => (armed && step === 'tag' ? 0 : ssl.getParams(context, params)),
      }));
      const key = provider.sealKey(0, KEY, SPI);
      writeNonce(arena.view, 20, 1);
      armed = true;
      expect(sealFrame(key, 32)).toBe(false);
      armed = false;
      expect(open.size).toBe(0);
      for (const counter of [1, 2]) {
        writeNonce(arena.view, 20, counter);
        expect(sealFrame(key, 32)).toBe(false);
      }
    },
  );

  test.each(['parameters', 'additional data', 'body', 'finish'])(
    'open() says false and goes on: %s',
    (step) => {
      let armed = false;
      const { provider } = tampered((ssl) => ({
        cipher: (context, out, input, len) => {
          const at = input === 0 ? 'finish' : out === 0 ? 'additional data' : 'body';
          return armed && at === step ? -1 : ssl.cipher(context, out, input, len);
        },
        setParams: (context, params) => (armed && step === 'parameters' ? 0 : ssl.setParams(context, params)),
      }));
      const seal = provider.sealKey(0, KEY, SPI);
      const open = provider.openKey(0, KEY, SPI);
      writeNonce(arena.view, 20, 1);
      expect(sealFrame(seal, 32)).toBe(true);
      const frame = arena.bytes.slice(0, 80);
      armed = true;
      expect(openFrame(open, 32)).toBe(false);
      armed = false;
      arena.bytes.set(frame);
      expect(openFrame(open, 32)).toBe(true);
      seal.destroy();
      open.destroy();
    },
  );

  test('50,000 forged frames leave no error behind in OpenSSL', () => {
    const peekError = koffi.load(null).func('ERR_peek_error', 'ulong', []) as () => number;
    koffi.load(null).func('ERR_clear_error', 'void', [])();
    const provider = opensslAead(memory, arena.base);
    const open = provider.openKey(0, KEY, SPI);
    for (let i = 0; i < 50_000; i++) {
      writeNonce(arena.view, 20, i + 1);
      expect(openFrame(open, 16)).toBe(false);
    }
    expect(peekError()).toBe(0);
    open.destroy();
  });
});

describe('selfTest()', () => {
  /** The nonce that the self-test starts with. */
  const FIRST_NONCE = hexBytes('cafebabefacedbaddecaf888');

  /** Overwrites the last byte of the counter that OpenSSL reported. */
  function pokeByte(counter: number, value: number): void {
    koffi.encode(BigInt(counter + 7), 'uint8_t', value);
  }

  /** Does the real thing, and after every seal (the first call starts the key) something more. */
  function afterEachSeal(
    ssl: OpenSsl,
    meddle: (context: number, counter: number, params: number) => void,
  ): OpenSsl['getParams'] {
    let calls = 0;
    return (context, params) => {
      const result = ssl.getParams(context, params);
      if (++calls > 1) meddle(context, params + COUNTER, params);
      return result;
    };
  }

  const run = (changes: (ssl: OpenSsl) => Partial<OpenSsl>) =>
    selfTest((own, base) => new OpenSslAead({ ...real, ...changes(real) }, own, base));

  test('passes on the real OpenSSL', () => {
    expect(() => run(() => ({}))).not.toThrow();
  });

  test.each<[string, string, (ssl: OpenSsl) => Partial<OpenSsl>]>([
    [
      'computes something else',
      'sealed bytes differ',
      (ssl) => ({ fetchCipher: (l, _, p) => ssl.fetchCipher(l, 'AES-192-GCM', p) }),
    ],
    ['does nothing', 'sealed bytes differ', () => ({ cipher: (_, __, ___, len) => len })],
    [
      'checks no tag',
      'a wrong tag was accepted',
      (ssl) => ({ cipher: (c, out, input, len) => Math.max(ssl.cipher(c, out, input, len), 0) }),
    ],
    ['refuses every packet', 'opened bytes differ', () => ({ setParams: () => 0 })],
    [
      'reports the nonce it has used as the next',
      'a used nonce was accepted',
      (ssl) => ({ getParams: afterEachSeal(ssl, (_, counter) => pokeByte(counter, 0x88)) }),
    ],
    [
      'counts without using the count',
      'the nonce does not count',
      (ssl) => ({
        getParams: afterEachSeal(ssl, (context, counter, params) => {
          ssl.control(context, 0x12, -1, addressOf(FIRST_NONCE));
          ssl.getParams(context, params + ENTRY_1);
          pokeByte(counter, 0x89);
        }),
      }),
    ],
    [
      'does not get its next nonce',
      'the next nonce was not accepted',
      (ssl) => ({ getParams: afterEachSeal(ssl, (_, counter) => pokeByte(counter, 0x8a)) }),
    ],
  ])('finds an OpenSSL that %s', (_, message, changes) => {
    expect(() => run(changes)).toThrow(
      expect.objectContaining({
        code: 'ERR_ICX_OPENSSL_SELF_TEST',
        message: expect.stringContaining(message),
      }),
    );
  });
});
