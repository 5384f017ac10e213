/** What Wireshark says of a relay's packets. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Refusal, writeRefusal } from '../../../dataplane/relay/refusal.ts';
import { ReplyCutter } from '../../../dataplane/relay/reply.ts';
import { SESSION_LIMITS, SessionTable } from '../../../dataplane/relay/session-table.ts';
import { writeTcpReset } from '../../../dataplane/relay/tcp-reset.ts';
import { addressBytes, ipPacket, udpPacket } from './packets.ts';

const hasTshark = spawnSync('tshark', ['--version']).status === 0;
if (!hasTshark) process.stderr.write('skipped: Wireshark’s view of a relay: tshark is not installed\n');

const LINKTYPE_RAW = 101;
const FIELDS = [
  'ip.checksum.status',
  'udp.checksum.status',
  'tcp.checksum.status',
  'icmp.checksum.status',
  'icmpv6.checksum.status',
];
const NAMES = [
  'frame.protocols',
  'udp.length',
  'icmp.code',
  'icmpv6.code',
  'tcp.flags.reset',
  '_ws.malformed',
];

const memory = new Uint8Array(80_000);
const view = new DataView(memory.buffer);

function at(offset: number, len: number): Buffer {
  return Buffer.from(memory.slice(offset, offset + len));
}

function replies(from: string, to: string, dataLen: number): Buffer[] {
  const table = new SessionTable({ ...SESSION_LIMITS, maxSessions: 4 }, new Uint8Array(16));
  const [source, destination] = [addressBytes(from), addressBytes(to)];
  memory.set(source, 0);
  memory.set(destination, 16);
  table.find(1, source.length === 4 ? 4 : 6, view, 0, 16, (50_000 << 16) | 4_000);
  const cutter = new ReplyCutter(view, table, 1);
  memory.fill(0x61, 256, 256 + dataLen);
  cutter.begin(table.add(0), 256, dataLen, 1_500);
  const packets: Buffer[] = [];
  for (let len = cutter.next(); len > 0; len = cutter.next()) packets.push(at(cutter.at, len));
  return packets;
}

function refusals(from: string, to: string): Buffer[] {
  const udp = udpPacket({ from, fromPort: 50_000, to, toPort: 4_000, data: Buffer.alloc(100) });
  memory.set(udp, 256);
  const icmp = at(4_096, writeRefusal(view, 256, udp.length, Refusal.prohibited, -1, 4_096));
  const body = Buffer.from('c3500050000000640000000050020400000000 00'.replaceAll(' ', ''), 'hex');
  memory.set(ipPacket({ from, to, protocol: 6, body }, 16), 256);
  const reset = at(4_096, writeTcpReset(view, 256, 256 + (from.includes(':') ? 40 : 20), 4_096));
  return [icmp, reset];
}

function dissect(packets: readonly Buffer[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'icx-relay-'));
  try {
    const header = Buffer.from('d4c3b2a1020004000000000000000000ffff000000000000', 'hex');
    header.writeUInt32LE(LINKTYPE_RAW, 20);
    const records = packets.flatMap((packet) => {
      const record = Buffer.alloc(16);
      record.writeUInt32LE(packet.length, 8);
      record.writeUInt32LE(packet.length, 12);
      return [record, packet];
    });
    const file = join(dir, 'replies.pcap');
    writeFileSync(file, Buffer.concat([header, ...records]));
    const checks = ['ip', 'udp', 'tcp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]);
    const fields = [...NAMES, ...FIELDS].flatMap((field) => ['-e', field]);
    const args = ['-n', '-r', file, ...checks, '-T', 'fields', '-E', 'separator=|', '-E', 'occurrence=f'];
    const run = spawnSync('tshark', [...args, ...fields], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`tshark failed: ${run.stderr}`);
    return run.stdout.trimEnd().split('\n');
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test.skipIf(!hasTshark)('tshark reads replies, fragments and refusals, and finds nothing wrong', () => {
  const [four, there4, six, there6] = ['10.77.0.9', '192.0.2.1', 'fd77::9', '2001:db8::1'];
  const lines = dissect([
    ...replies(four, there4, 100),
    ...replies(four, there4, 3_000),
    ...replies(six, there6, 100),
    ...replies(six, there6, 3_000),
    ...refusals(four, there4),
    ...refusals(six, there6),
  ]);
  // Behind the empty place of what is malformed: checksums of IP, UDP, TCP, ICMP, ICMPv6; 1 is good.
  expect(lines).toEqual([
    'raw:ip:udp:data|108|||||1|1|||',
    'raw:ip:data||||||1||||',
    'raw:ip:data||||||1||||',
    'raw:ip:udp:data|3008|||||1|1|||',
    'raw:ipv6:udp:data|108||||||1|||',
    'raw:ipv6:ipv6.fraghdr:data||||||||||',
    'raw:ipv6:ipv6.fraghdr:data||||||||||',
    'raw:ipv6:ipv6.fraghdr:udp:data|3008||||||1|||',
    'raw:ip:icmp:ip:udp:data|108|13||||1|1||1|',
    'raw:ip:tcp||||1||1||1||',
    'raw:ipv6:icmpv6:ipv6:udp:data|108||1||||1|||1',
    'raw:ipv6:tcp||||1||||1||',
  ]);
});
