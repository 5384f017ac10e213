/** Tools of the Layer 2 tests, checked: what they report must be what happened. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Capture } from './capture.ts';
import { Mode, writeCpio } from './cpio.ts';
import { describeHosts } from './describe-hosts.ts';
import { dissect, dump } from './dissect.ts';
import { injectFrames } from './inject.ts';
import { resolveByMulticast } from './multicast-dns.ts';
import { Lab, type Namespace } from './netns.ts';
import { BROADCAST, numberedFrame, numbersFrom, sendNumbered } from './numbered-frame.ts';
import { missingLink, missingTools, programPath, testWith } from './tools.ts';
import { three, two } from './tuple.ts';
import { askStation, EchoStation, ForgedSources } from './unix-station.ts';

const directory = mkdtempSync(join(tmpdir(), 'icx-support-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SOURCE = '02:aa:00:00:00:01';
const OTHER = '02:aa:00:00:00:02';

describe('writeCpio()', () => {
  const archive = writeCpio([
    { path: 'etc', mode: Mode.directory },
    { path: 'etc/odd', mode: Mode.file, content: Buffer.from('five!') },
    { path: 'sh', mode: Mode.link, content: Buffer.from('etc/odd') },
  ]);

  test('pads every part to four bytes and ends with the trailer', () => {
    expect(archive.length % 4).toBe(0);
    // Magic, number and mode of the second entry.
    expect(archive.includes('070701' + '00000002' + '000081a4')).toBe(true);
    expect(archive.subarray(-124).toString('latin1')).toMatch(/^070701.{104}TRAILER!!!\0+$/s);
  });

  testWith(['busybox'], 'makes what cpio(1) unpacks', async () => {
    const target = mkdtempSync(join(directory, 'cpio-'));
    execFileSync('busybox', ['cpio', '-idm'], { cwd: target, input: archive, stdio: 'pipe' });
    expect(readFileSync(join(target, 'sh'), 'utf8')).toBe('five!');
  });
});

describe('tuples', () => {
  test('have exactly the length of their name', () => {
    expect(two([1, 2])).toEqual([1, 2]);
    expect(three([1, 2, 3])).toEqual([1, 2, 3]);
    for (const items of [[], [1], [1, 2, 3]]) expect(() => two(items)).toThrow(TypeError);
    for (const items of [[], [1, 2], [1, 2, 3, 4]]) expect(() => three(items)).toThrow(TypeError);
  });
});

describe('tools', () => {
  test('that are missing are named with their packages', () => {
    expect(programPath('sh')).toMatch(/\/sh$/);
    expect(missingTools(['sh'])).toBeNull();
    expect(missingTools(['sh', 'no-such-tool'])).toBe('needs no-such-tool: apt-get install no-such-tool');
  });
});

describeHosts('a link', () => {
  const lab = new Lab();
  let a: Namespace;
  let b: Namespace;

  beforeAll(() => {
    [a, b] = [lab.addHost('a'), lab.addHost('b')];
    lab.link(a, b, { addresses: [['10.1.0.1/24'], ['10.1.0.2/24']] });
  });
  afterAll(() => lab.close());

  const file = (name: string) => join(directory, `${name}.pcap`);

  test('passes numbered frames, told apart by their source', async () => {
    const capture = await Capture.start(b, 'eth0', file('numbered'));
    await sendNumbered(a, 'eth0', { destination: BROADCAST, source: SOURCE }, 20);
    await sendNumbered(a, 'eth0', { destination: BROADCAST, source: OTHER }, 3);
    const frames = await capture.stop();
    expect(numbersFrom(frames, SOURCE)).toEqual([...Array(20).keys()]);
    expect(numbersFrom(frames, OTHER)).toEqual([0, 1, 2]);
  });

  test.each(['', '81000007', '88a8006481000007'])(
    'shows a capture tags as they were sent: %s',
    async (hex) => {
      const settings = { destination: BROADCAST, source: SOURCE, number: 5, len: 70 };
      const frame = numberedFrame({ ...settings, tags: Buffer.from(hex, 'hex') });
      expect(frame).toHaveLength(70);
      for (const [name, start, headLen] of [
        ['plain', Capture.start, 0],
        ['delivered', Capture.startDelivered, 10],
      ] as const) {
        const capture = await start(b, 'eth0', file(`tags-${name}`));
        await injectFrames(a, 'eth0', [frame]);
        const got = (await capture.stop()).map(({ bytes }) => bytes.subarray(headLen).toString('hex'));
        expect(got.filter((text) => text === frame.toString('hex'))).toHaveLength(1);
      }
    },
  );

  test('kinds of interfaces that the kernel does not make are missing', () => {
    expect(missingLink('veth', 'v0 type veth')).toBeNull();
    expect(missingLink('odd', 'o0 type no-such-kind')).toBe('needs a kernel with odd interfaces');
  });

  test('resolves a name that the other has', async () => {
    const ends = [
      { host: a, device: 'eth0', address: '10.1.0.1' },
      { host: b, device: 'eth0', address: '10.1.0.2' },
    ] as const;
    const answers = await resolveByMulticast(ends[0], ends[1], 'host-b.local');
    expect(answers).toEqual({ udp4: '10.1.0.2', udp6: '10.1.0.2' });
  });

  test('stations return what they are asked, and forged sources are as many as they say', async () => {
    const [path, remote] = [join(directory, 'echo.sock'), join(directory, 'ask.sock')];
    const asks = { mac: OTHER, path: remote, remote: path };
    const [echo, asked] = await Promise.all([
      EchoStation.start(a, { mac: SOURCE, path, remote }),
      askStation(a, asks, SOURCE, 30),
    ]);
    expect(asked).toEqual({ sent: 30, received: 30 });
    const forged = await ForgedSources.start(a, asks, '02:aa:00:00:00:99', 5_000);
    expect(await forged.finished()).toMatchObject({ sent: 5_000 });
    expect(await echo.stop()).toBe(30);
  });

  const vxlan = (flags: string, inner: Buffer) =>
    Buffer.concat([Buffer.from(`${flags}00002a00`, 'hex'), inner]);

  testWith(
    ['tshark', 'tcpdump'],
    'dissectors tell VXLAN, its network and what is wrong with it',
    async () => {
      const inner = numberedFrame({ destination: BROADCAST, source: SOURCE, number: 1 });
      const capture = await Capture.start(b, 'eth0', file('vxlan'));
      const frames = [vxlan('08000000', inner), damagedIp(), vxlan('08000000', inner.subarray(0, 9))];
      await injectFrames(a, 'eth0', frames.map(udpTo4789));
      await capture.stop();
      const [whole, damaged, cut] = dissect(file('vxlan'), 'udp.dstport == 4789');
      expect(whole).toMatchObject({ vnis: ['42'], isMalformed: false, isDamaged: false });
      expect(whole?.protocols).toMatch(/^eth:ethertype:ip:udp:vxlan:eth:/);
      expect(damaged).toMatchObject({ isMalformed: false, isDamaged: true });
      expect(cut).toMatchObject({ isMalformed: true });
      expect(dump(file('vxlan'), 'udp dst port 4789').join('\n')).toContain(
        'VXLAN, flags [I] (0x08), vni 42',
      );
    },
  );

  /** An inner IP packet with a wrong checksum. */
  function damagedIp(): Buffer {
    const ip = Buffer.from('4500001c00004000400100000a0100010a0100020800f7ff00000000', 'hex');
    const link = Buffer.concat([Buffer.alloc(6, 0xff), Buffer.from('02aa000000010800', 'hex')]);
    return vxlan('08000000', Buffer.concat([link, ip]));
  }

  function udpTo4789(payload: Buffer): Buffer {
    const header = Buffer.alloc(42);
    header.fill(0xff, 0, 6);
    Buffer.from('02aa00000001080045', 'hex').copy(header, 6);
    header.writeUInt16BE(28 + payload.length, 16);
    Buffer.from('0000400040110000c0000201c0000202', 'hex').copy(header, 18);
    let sum = 0;
    for (let at = 14; at < 34; at += 2) sum += header.readUInt16BE(at);
    header.writeUInt16BE(~((sum & 0xffff) + (sum >>> 16)) & 0xffff, 24);
    header.writeUInt16BE(50_000, 34);
    header.writeUInt16BE(4_789, 36);
    header.writeUInt16BE(8 + payload.length, 38);
    return Buffer.concat([header, payload]);
  }
});
