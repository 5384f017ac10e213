/** What Wireshark says of the answers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ArpProxy } from '../../../dataplane/l2/arp-proxy.ts';
import { Gateway } from '../../../dataplane/l2/gateway.ts';
import { NdProxy } from '../../../dataplane/l2/nd-proxy.ts';
import { arpFrame, B, bytesOf, LINUX, naFrame, ndFrame, v4, v6 } from './neighbour-frames.ts';
import { LOCAL, PEER, ProxyRig } from './proxy-rig.ts';

const hasTshark = spawnSync('tshark', ['--version']).status === 0;
if (!hasTshark) process.stderr.write('skipped: Wireshark’s view of answers: tshark is not installed\n');

const TAGS = '88a8600a81000014';
const FIELDS = [
  'eth.dst',
  'eth.src',
  'ieee8021ad.id',
  'vlan.id',
  'arp.opcode',
  'arp.src.proto_ipv4',
  'arp.dst.proto_ipv4',
  'ipv6.src',
  'ipv6.dst',
  'icmpv6.type',
  'icmpv6.checksum.status',
  'icmpv6.nd.na.flag.r',
  'icmpv6.nd.na.flag.s',
  'icmpv6.nd.na.flag.o',
  'icmpv6.nd.na.target_address',
  'icmpv6.opt.target_linkaddr',
];

/** A capture in microseconds of Ethernet frames. @see draft-ietf-opsawg-pcap */
function pcapOf(frames: readonly string[]): Buffer {
  const header = Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex');
  const records = frames.flatMap((frame) => {
    const bytes = bytesOf(frame);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return [record, bytes];
  });
  return Buffer.concat([header, ...records]);
}

function dissect(frames: readonly string[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'icx-neighbour-'));
  try {
    const file = join(dir, 'answers.pcap');
    writeFileSync(file, pcapOf(frames));
    const fields = FIELDS.flatMap((field) => ['-e', field]);
    const args = ['-n', '-r', file, '-T', 'fields', '-E', 'separator=|'];
    const run = spawnSync('tshark', [...args, ...fields, '-e', '_ws.malformed'], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`tshark failed: ${run.stderr}`);
    return run.stdout.trimEnd().split('\n');
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe.skipIf(!hasTshark)('Wireshark', () => {
  test('finds in every answer what was to be said', () => {
    const arp = new ProxyRig((table) => new ArpProxy(table));
    arp.receive(arpFrame({ from: B, senderIp: v4(2), tags: TAGS }), PEER);
    const nd = new ProxyRig((table) => new NdProxy(table));
    nd.receive(naFrame({ flags: 0xe0, tags: TAGS }), PEER);
    nd.receive(naFrame({ target: v6(1) }), PEER);
    const gateway = new ProxyRig(
      (table) => new Gateway(table, { high: 0x02ff, low: 0xfe000001 | 0 }, () => true),
    );
    const answers = [
      arp.receive(arpFrame({ tags: TAGS }), LOCAL),
      nd.receive(ndFrame({ tags: TAGS }), LOCAL),
      nd.receive(LINUX.probe, LOCAL),
      gateway.receive(LINUX.request, LOCAL),
      gateway.receive(LINUX.solicitation, LOCAL),
    ];
    const [a, b, g] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:ff:fe:00:00:01'];
    expect(dissect(answers)).toEqual([
      `${a}|${b}|10|20|2|10.77.0.2|10.77.0.1||||||||||`,
      `${a}|${b}|10|20||||fd77::2|fd77::1|136|1|1|1|1|fd77::2|${b}|`,
      `33:33:00:00:00:01|${b}||||||fd77::1|ff02::1|136|1|0|0|1|fd77::1|${b}|`,
      `${a}|${g}|||2|10.77.0.2|10.77.0.1||||||||||`,
      `${a}|${g}||||||fd77::2|fd77::1|136|1|1|1|0|fd77::2|${g}|`,
    ]);
  });
});
