import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { PortMapping } from '../../cni/attach-api.ts';
import { findPortHolder } from '../../cni/port-holder.ts';

const mapping = (hostPort: number, changes: Partial<PortMapping> = {}): PortMapping => ({
  hostPort,
  containerPort: 80,
  protocol: 'tcp',
  ...changes,
});

describe('findPortHolder() of this host', () => {
  const open: (Server | Socket)[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.close();
  });

  async function tcp(host: string): Promise<number> {
    const server = createServer().listen(0, host);
    open.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  test.each<[string, string | undefined, boolean]>([
    ['0.0.0.0', undefined, true],
    ['0.0.0.0', '192.0.2.1', true],
    ['0.0.0.0', 'fd00::1', false],
    ['::', undefined, true],
    ['::', '192.0.2.1', true],
    ['127.0.0.1', undefined, false],
    ['::1', undefined, false],
  ])('finds a server at %s for a mapping at %s: %s', async (host, hostIP, held) => {
    const wanted = mapping(await tcp(host), hostIP === undefined ? {} : { hostIP });
    expect(findPortHolder(wanted) !== null).toBe(held);
    if (held) expect(findPortHolder(wanted)).toContain(`(pid ${process.pid})`);
    expect(findPortHolder({ ...wanted, protocol: 'udp' })).toBeNull();
  });

  test('finds a UDP socket that anybody may send to, and none that is connected', async () => {
    const socket = createSocket('udp4');
    open.push(socket);
    socket.bind(0);
    await once(socket, 'listening');
    const wanted = mapping(socket.address().port, { protocol: 'udp' });
    expect(findPortHolder(wanted)).toContain(`(pid ${process.pid})`);
    socket.connect(9, '127.0.0.1');
    await once(socket, 'connect');
    expect(findPortHolder(wanted)).toBeNull();
  });
});

describe('findPortHolder() of another /proc', () => {
  const dir = mkdtempSync(join(tmpdir(), 'icx-proc-'));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const HEAD = 'sl local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n';
  const row = (local: string, state: string, inode = 77) =>
    ` 0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 ${inode} 1\n`;
  function write(path: string, text: string): void {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), text);
  }

  test('reads addresses as the kernel prints them, and names who has the socket', () => {
    write('net/tcp', HEAD + row('010200C0:0050', '0A'));
    write('net/tcp6', `${HEAD}${row('000000FD000000000000000001000000:0051', '0A', 78)}`);
    mkdirSync(join(dir, '42/fd'), { recursive: true });
    symlinkSync('socket:[77]', join(dir, '42/fd/3'));
    write('42/comm', 'nginx\n');
    expect(findPortHolder(mapping(80), dir)).toBe('nginx (pid 42)');
    expect(findPortHolder(mapping(80, { hostIP: '192.0.2.1' }), dir)).toBe('nginx (pid 42)');
    expect(findPortHolder(mapping(80, { hostIP: '192.0.2.2' }), dir)).toBeNull();
    expect(findPortHolder(mapping(81, { hostIP: 'fd00::1' }), dir)).toBe('another process');
    expect(findPortHolder(mapping(81, { hostIP: 'fd00::2' }), dir)).toBeNull();
  });

  test('takes a mapped address for the IPv4 one that it is', () => {
    write('net/tcp6', HEAD + row('0000000000000000FFFF0000010200C0:0050', '0A'));
    expect(findPortHolder(mapping(80, { hostIP: '192.0.2.1' }), dir)).toBe('another process');
    expect(findPortHolder(mapping(80, { hostIP: 'fd00::1' }), dir)).toBeNull();
  });

  test('passes over connections and lines that make no sense', () => {
    write('net/tcp', `${HEAD + row('010200C0:0050', '01')}nonsense\n${row('0102:0050', '0A')}`);
    expect(findPortHolder(mapping(80), dir)).toBeNull();
  });

  test('reads the endpoints of SCTP', () => {
    const eps = (state: string, addresses: string) =>
      `ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS\n ffff ffff 2 ${state} 34 36412 0 77 ${addresses}\n`;
    const wanted = (hostIP: string) => mapping(36_412, { protocol: 'sctp', hostIP });
    write('net/sctp/eps', eps('10', '192.0.2.1 fd00::1'));
    expect(findPortHolder(wanted('fd00::1'), dir)).toBe('another process');
    expect(findPortHolder(wanted('fd00::2'), dir)).toBeNull();
    write('net/sctp/eps', eps('10', '::'));
    expect(findPortHolder(wanted('192.0.2.1'), dir)).toBe('another process');
    write('net/sctp/eps', eps('7', '192.0.2.1'));
    expect(findPortHolder(wanted('192.0.2.1'), dir)).toBeNull();
  });
});
