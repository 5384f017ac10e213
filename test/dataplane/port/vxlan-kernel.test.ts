/**
 * Against Linux's own VXLAN: a TAP here and a VXLAN interface in another host are one segment, over
 * either IP version, to a VTEP or a group, with and without UDP checksums.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { addressOf, ioctl, open, poll, read, SystemCallError, write } from '../../../dataplane/io/libc.ts';
import type { VxlanPort, VxlanPortSpec } from '../../../dataplane/port/vxlan-port.ts';
import { joinGroup } from '../../../dataplane/port/vxlan-socket.ts';
import { Capture } from '../../support/capture.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { copyTcp, ping, untilPing } from '../../support/traffic.ts';
import { type VxlanRig, VxlanRigs } from './vxlan-rig.ts';

const O_RDWR_NONBLOCK = 0x802;
const TUNSETIFF = 0x400454ca;
const IFF_TAP_NO_PI = 0x1002;
const POLLIN = 1;
const VNI = 4_242;
const GROUP_TTL = 3;
const PORT = 4_789;
const COPY_LEN = 3_000_000;

interface Case {
  readonly name: string;
  readonly listen: string;
  readonly device: string | null;
  readonly remotes: readonly string[];
  readonly group: string | null;
  /** What `ip link add … type vxlan` is told. */
  readonly kernel: string;
}

const CASES: readonly Case[] = [
  {
    name: 'IPv4',
    listen: '0.0.0.0',
    device: null,
    remotes: ['192.0.2.2'],
    group: null,
    kernel: 'local 192.0.2.2 remote 192.0.2.1',
  },
  {
    name: 'IPv6',
    listen: 'fd00::1',
    device: null,
    remotes: ['fd00::2'],
    group: null,
    kernel: 'local fd00::2 remote fd00::1',
  },
  {
    name: 'IPv4 on a dual-stack socket, no UDP checksum from there',
    listen: '::',
    device: null,
    remotes: ['192.0.2.2'],
    group: null,
    kernel: 'local 192.0.2.2 remote 192.0.2.1 noudpcsum',
  },
  {
    name: 'IPv6, no UDP checksum from there',
    listen: '::',
    device: 'eth0',
    remotes: ['fd00::2'],
    group: null,
    kernel: 'local fd00::2 remote fd00::1 udp6zerocsumtx',
  },
  {
    name: 'an IPv4 group',
    listen: '0.0.0.0',
    device: 'eth0',
    remotes: [],
    group: '239.7.7.7',
    kernel: 'local 192.0.2.2 group 239.7.7.7',
  },
  {
    name: 'an IPv6 group',
    listen: '::',
    device: 'eth0',
    remotes: [],
    group: 'ff05::7',
    kernel: 'local fd00::2 group ff05::7',
  },
];

/** A TAP whose frames are complete. */
function openTap(name: string): number {
  const fd = open('/dev/net/tun', O_RDWR_NONBLOCK);
  const ifreq = Buffer.alloc(128);
  ifreq.write(name, 'latin1');
  ifreq.writeUInt16LE(IFF_TAP_NO_PI, 16);
  if (fd < 0 || ioctl(fd, TUNSETIFF, addressOf(ifreq)) < 0) throw new SystemCallError(`make the TAP ${name}`);
  return fd;
}

/** Moves frames between a TAP and a port until it is stopped, beside the rest of the test. */
class Bridge {
  readonly #tap: number;
  readonly #rig: VxlanRig;
  readonly #port: VxlanPort;
  readonly #pollfds = Buffer.alloc(128);
  #running = true;

  constructor(tap: number, rig: VxlanRig, port: VxlanPort) {
    this.#tap = tap;
    this.#rig = rig;
    this.#port = port;
    [tap, rig.tunnels.fd].forEach((fd, i) => {
      this.#pollfds.writeInt32LE(fd, i * 8);
      this.#pollfds.writeInt16LE(POLLIN, i * 8 + 4);
    });
    this.#turn();
  }

  stop(): void {
    this.#running = false;
  }

  #turn(): void {
    if (!this.#running) return;
    const { tunnels, arena, sendAt } = this.#rig;
    poll(addressOf(this.#pollfds), 2, 1);
    for (let i = 0; i < 128; i++) {
      const len = read(this.#tap, arena.base + sendAt, 9_000);
      if (len <= 0) break;
      this.#port.transmit(sendAt, len);
    }
    tunnels.flush();
    for (let len = tunnels.receive(performance.now()); len > 0; len = tunnels.receive(performance.now())) {
      write(this.#tap, arena.base + tunnels.frameAt, len);
    }
    setImmediate(() => this.#turn());
  }
}

function tcpdumpText(file: string): string | null {
  try {
    return execFileSync('tcpdump', ['-r', file, '-n', '-e', '-v'], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

describeHosts('VXLAN beside the kernel', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vxlan-test-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  describe.each(CASES)('over $name', ({ listen, device, remotes, group, kernel }) => {
    const rigs = new VxlanRigs();
    let lab: Lab;
    let here: Namespace;
    let there: Namespace;
    let port: VxlanPort;
    let bridge: Bridge;
    let tap = -1;

    beforeAll(async () => {
      lab = new Lab();
      const [a, b] = [lab.addHost('here'), lab.addHost('there')];
      [here, there] = [a, b];
      lab.link(a, b, {
        addresses: [
          ['192.0.2.1/24', 'fd00::1/64'],
          ['192.0.2.2/24', 'fd00::2/64'],
        ],
        segmented: true,
      });
      b.ip(`link add vx0 type vxlan id ${VNI} dev eth0 dstport ${PORT} ${kernel}`);
      b.ip('link set vx0 mtu 1430 up');
      const rig = a.inside(() => rigs.open({ listen, port: PORT, device, groupTtl: GROUP_TTL }));
      if (group !== null) joinGroup(rig.socket, group);
      const spec: Partial<VxlanPortSpec> = {
        vni: VNI,
        remotes: remotes.map((address) => ({ address, port: PORT })),
        group: group === null ? null : { address: group, port: PORT },
      };
      port = rig.add(spec);
      tap = a.inside(() => openTap('tap0'));
      a.ip('link set tap0 mtu 1430 up');
      for (const [host, dev, n] of [
        [a, 'tap0', 1],
        [b, 'vx0', 2],
      ] as const) {
        host.ip(`address add 10.78.0.${n}/24 dev ${dev}`);
        host.ip(`address add fd78::${n}/64 dev ${dev} nodad`);
      }
      bridge = new Bridge(tap, rig, port);
      await untilPing(a, '10.78.0.2', 5_000);
      await untilPing(a, 'fd78::2', 5_000);
    });
    afterAll(() => {
      bridge?.stop();
      closeFd(tap);
      rigs.close();
      lab?.close();
    });

    test('pings pass both ways, IPv4 and IPv6, small and full', async () => {
      for (const [host, address] of [
        [here, '10.78.0.2'],
        [there, '10.78.0.1'],
        [here, 'fd78::2'],
        [there, 'fd78::1'],
      ] as const) {
        for (const dataLen of [56, 1_380]) {
          expect(await ping(host, address, { dataLen })).toMatchObject({ sent: 5, received: 5 });
        }
      }
    });

    test('TCP passes both ways, whole', async () => {
      for (const [from, to, address] of [
        [here, there, '10.78.0.2'],
        [there, here, 'fd78::1'],
        [here, there, 'fd78::2'],
        [there, here, '10.78.0.1'],
      ] as const) {
        expect(await copyTcp(from, to, address, COPY_LEN)).toMatchObject({ bytes: COPY_LEN, intact: true });
      }
      expect(port.counts.rxDropped).toBe(0);
    });

    test('each end knows where the other one is', () => {
      const outer = group === null ? remotes[0] : listen === '::' ? 'fd00::2' : '192.0.2.2';
      const macOf = (host: Namespace, dev: string) => /ether (\S+)/.exec(host.ip(`link show ${dev}`))?.[1];
      expect(port.vteps()).toEqual([{ address: outer, port: PORT, isLearned: group !== null }]);
      expect(port.stations(performance.now())).toEqual([
        expect.objectContaining({ mac: macOf(there, 'vx0'), vtep: { address: outer, port: PORT } }),
      ]);
      const fdb = execFileSync('bridge', ['-n', there.name, 'fdb', 'show', 'dev', 'vx0'], {
        encoding: 'utf8',
      });
      const own = outer?.includes(':') ? 'fd00::1' : '192.0.2.1';
      expect(fdb).toContain(`${macOf(here, 'tap0')} dst ${own} `);
    });

    test('tcpdump takes it for VXLAN', async ({ skip }) => {
      const file = join(directory, 'outer.pcap');
      here.ip('neigh flush dev tap0');
      const capture = await Capture.start(there, 'eth0', file);
      await ping(here, '10.78.0.2');
      await capture.stop();
      const text = tcpdumpText(file);
      if (text === null) {
        process.stderr.write('skipped: VXLAN in tcpdump: needs tcpdump\n');
        skip('needs tcpdump');
        return;
      }
      expect(text.match(/VXLAN, flags \[I\] \(0x08\), vni 4242/g)?.length).toBeGreaterThanOrEqual(10);
      expect(text.match(/10\.78\.0\.1 > 10\.78\.0\.2: ICMP echo request/g)).toHaveLength(5);
      expect(text.match(/10\.78\.0\.2 > 10\.78\.0\.1: ICMP echo reply/g)).toHaveLength(5);
      // Truncated and malformed ones are marked so.
      expect(text).not.toMatch(/\[\||invalid/);
      expect(text).not.toContain('flags [DF], proto UDP');
      // From the port that is listened on; to all by the group and its TTL.
      const to = group ?? remotes[0];
      const ask = new RegExp(
        `(ttl|hlim) (\\d+),[^\\n]*\\s[^\\n]*\\.${PORT} > ${to}\\.${PORT}: [^\\n]*\\n[^\\n]*Request who-has`,
      );
      expect(Number(ask.exec(text)?.[2])).toBe(group === null ? 64 : GROUP_TTL);
    });
  });
});
