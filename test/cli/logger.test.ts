import { describe, expect, test } from 'vitest';
import { createLogger, type LoggerOptions } from '../../cli/logger.ts';

function lines(
  options: Partial<LoggerOptions>,
  write: (log: ReturnType<typeof createLogger>) => void,
): string {
  let text = '';
  const destination = {
    write: (chunk: string) => {
      text += chunk;
    },
  };
  write(createLogger({ level: 'info', interfaceName: 'icx0', pretty: false, destination, ...options }));
  return text;
}

const SECRET = 'c2VjcmV0';

describe('createLogger()', () => {
  test('writes a JSON line with time, level and interface', () => {
    const text = lines({}, (log) => log.info({ peer: 'b' }, 'peer up'));
    expect(JSON.parse(text)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      interface: 'icx0',
      peer: 'b',
      msg: 'peer up',
    });
  });

  test('keeps to its level', () => {
    expect(lines({ level: 'warn' }, (log) => log.info('x'))).toBe('');
    expect(lines({ level: 'silent' }, (log) => log.fatal('x'))).toBe('');
  });

  test.each([
    ['at the top', { seed: SECRET }],
    ['of a config', { interface: { seed: SECRET } }],
    ['of a peer', { peer: { presharedKey: SECRET } }],
    ['two levels down', { a: { b: { key: SECRET } } }],
  ])('hides a secret %s', (_, value) => {
    const text = lines({}, (log) => log.info(value, 'x'));
    expect(text).toContain('(secret)');
    expect(text).not.toContain(SECRET);
  });

  test('writes readable lines for a terminal', () => {
    const text = lines({ pretty: true }, (log) => log.warn({ peer: 'b' }, 'peer down'));
    expect(text).toMatch(/WARN.*peer down/);
    expect(text).toContain('"b"');
    expect(() => JSON.parse(text)).toThrow();
  });

  test('keeps control characters from the terminal', () => {
    const text = lines({ pretty: true }, (log) => log.info({ reason: '\u001b[2Ja' }, 'b\u001b[2Jc'));
    expect(text).not.toContain('\u001b');
    expect(text).toContain('b�[2Jc');
  });
});
