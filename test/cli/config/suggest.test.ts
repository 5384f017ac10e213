import { describe, expect, test } from 'vitest';
import { suggest } from '../../../cli/config/suggest.ts';

const KEYS = ['address', 'listen', 'listen_port', 'private_key', 'private_key_file', 'mtu'];

describe('suggest()', () => {
  test.each([
    ['adress', 'address'],
    ['listen-port', 'listen_port'],
    ['ListenPort', 'listen_port'],
    ['lisetn', 'listen'],
    ['mut', 'mtu'],
    ['privatekey', 'private_key'],
    ['ab', null],
    ['dns', null],
    ['table', null],
    ['', null],
    ['PersistentKeepalive', null],
  ])('%s → %s', (word, expected) => expect(suggest(word, KEYS)).toBe(expected));

  test.each([
    ['PersistentKeepalive', 'keepalive'],
    ['Table', 'routes'],
    ['constructor', null],
  ])('knows what wg-quick calls it: %s → %s', (word, expected) =>
    expect(suggest(word, ['keepalive', 'routes'])).toBe(expected),
  );
});
