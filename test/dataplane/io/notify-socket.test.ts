import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { addressOf, bind, close, recvfrom, SystemCallError, socket } from '../../../dataplane/io/libc.ts';
import { notifyServiceManager } from '../../../dataplane/io/notify-socket.ts';

const directory = mkdtempSync(join(tmpdir(), 'icx-notify-'));
afterAll(() => rmSync(directory, { recursive: true }));

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0x800;

/** What a service manager does: binds the address, receives. */
function listen(name: string): { received(): string | null; close(): void } {
  const fd = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(name)]);
  expect(bind(fd, addressOf(address), address.length)).toBe(0);
  return {
    received() {
      const bytes = Buffer.alloc(4_096);
      const len = recvfrom(fd, addressOf(bytes), bytes.length, 0, 0, 0);
      return len < 0 ? null : bytes.toString('utf8', 0, len);
    },
    close: () => void close(fd),
  };
}

describe('notifyServiceManager()', () => {
  test('sends to a path', () => {
    const path = join(directory, 'notify');
    const manager = listen(`${path}\0`);
    notifyServiceManager(path, 'READY=1\nSTATUS=2 peers – up');
    expect(manager.received()).toBe('READY=1\nSTATUS=2 peers – up');
    expect(manager.received()).toBeNull();
    manager.close();
  });

  test('sends to the abstract namespace, whose names have no end mark', () => {
    const name = `icx-test-${process.pid}`;
    const manager = listen(`\0${name}`);
    notifyServiceManager(`@${name}`, 'STOPPING=1');
    expect(manager.received()).toBe('STOPPING=1');
    manager.close();
    expect(() => notifyServiceManager(`@${name}`, 'STOPPING=1')).toThrow(/ECONNREFUSED/);
  });

  test('throws when nobody listens, and leaves no descriptor open', () => {
    const open = () =>
      execFileSync('ls', [`/proc/${process.pid}/fd`], { encoding: 'utf8' }).split('\n').length;
    const before = open();
    for (let attempt = 0; attempt < 20; attempt++) {
      expect(() => notifyServiceManager(join(directory, 'nobody'), 'READY=1')).toThrow(SystemCallError);
    }
    expect(open()).toBeLessThan(before + 20);
  });

  test.each(['', 'relative/path', `/${'x'.repeat(107)}`, `@${'x'.repeat(108)}`])("refuses '%s'", (path) => {
    expect(() => notifyServiceManager(path, 'READY=1')).toThrow(RangeError);
  });
});
