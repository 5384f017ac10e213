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
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: peer down peer=b\n$/);
  });

  test('writes a line for all fields of an entry, quoted where they are no word', () => {
    const fields = { pid: 7, reason: 'no "way"', peer: 'x=y', port: 6082, none: '' };
    const text = lines({ pretty: true }, (log) => log.info(fields, 'not connected'));
    expect(text).toContain('not connected pid=7 reason="no \\"way\\"" peer="x=y" port=6082 none=""\n');
  });

  test('shows where an internal error came from', () => {
    const text = lines({ pretty: true }, (log) => log.fatal({ err: new Error('oops') }, 'the agent ends'));
    expect(text).toContain('the agent ends');
    expect(text).toContain('oops');
    expect(text).toContain('logger.test.ts');
  });

  test('keeps control characters from the terminal', () => {
    const text = lines({ pretty: true }, (log) => log.info({ reason: '\u001b[2Ja' }, 'b\u001b[2Jc'));
    expect(text).not.toContain('\u001b');
    expect(text).toContain('b�[2Jc');
  });
});
