/** UDP out of the overlay by a relay of an ordinary user: guests, peers that may, and what is refused. */
import { spawnSync } from 'node:child_process';
import { chownSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Agent, AgentDirectory, type Settings } from '../support/agent.ts';
import type { LineProcess } from '../support/child.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { scrape } from '../support/metrics.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { Outside, RelayGuest, startOutside } from '../support/relay-guest.ts';
import { missingTools, testWith } from '../support/tools.ts';

const NOBODY = 65_534;
const AS_NOBODY = [
  'setpriv',
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  '--bounding-set=-all',
  '--inh-caps=-all',
];
const VNI = 7;
/** Of the relay: the VNI is in it. */
/** IP version, index of what there is of each. */
const FAMILIES = [
  [4, 0],
  [6, 1],
] as const;
/** Of UDP data: those of QUIC, and the most there is. */
const LENGTHS = [0, 1, 1_200, 1_452, 65_507];
const GATEWAY = '02:69:63:00:00:07';
const RELAY = ['10.77.0.254', 'fd77::254'] as const;
const GUEST = ['10.77.0.9', 'fd77::9'] as const;
/** What is outside, behind the network that the hosts share, and its other addresses. */
const FAR = ['198.51.100.4', '2001:db8:4::4'] as const;
const OTHER = ['198.51.100.5', '2001:db8:4::5'] as const;
const UNDERLAY6 = (n: number) => `2001:db8:1::${n}`;
const MAX_SESSIONS = 10_000;
const IDLE_MS = 5_000;
/** Of what asks the agent meanwhile. */
const SPARE_FDS = 20;
const PROHIBITED = ['3/13', '1/1'] as const;
const PORT_UNREACHABLE = ['3/3', '1/4'] as const;

/** One datagram to there and back. Prints what came: whose arguments are address, port and length. */
const PROBE = `
const [address, port, len] = process.argv.slice(1);
const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
const end = (text) => { process.stdout.write(text); process.exit(0); };
socket.on('message', (data, from) => end(from.address + ' ' + data.length));
socket.on('error', (error) => end(error.code));
socket.connect(Number(port), address, () => socket.send(Buffer.alloc(Number(len), 7)));
setTimeout(() => end('silence'), 1500);`;

describeHosts(
  'A relay of an ordinary user',
  () => {
    const lab = new Lab();
    const directory = new AgentDirectory();
    let relay: Agent;
    let allowed: Agent;
    let other: Agent;
    let outside: LineProcess;
    let guest: RelayGuest;
    const file = (name: string) => join(dirname(relay.configFile), name);

    function writeRelay(settings: Settings = {}, exit: Settings = { exit: 'udp' }): void {
      relay.writeConfig({
        interface: { vni: VNI },
        metrics: { listen: '127.0.0.1:6083' },
        peers: [
          peerOf(allowed, ['10.77.0.2/32', 'fd77::2/128'], { ...exit, endpoint: '192.0.2.2' }),
          peerOf(other, ['10.77.0.3/32', 'fd77::3/128'], { endpoint: '192.0.2.3' }),
        ],
        sections: [
          {
            title: '[relay]',
            settings: {
              address: [...RELAY],
              resolver: FAR[0],
              max_sessions: MAX_SESSIONS,
              max_sessions_per_guest: MAX_SESSIONS,
              idle_timeout: `${IDLE_MS}ms`,
              ...settings,
            },
          },
          {
            title: '[[port]]',
            settings: { type: 'unix', name: 'vm', path: file('port.sock'), mtu: 1_500, address: [...GUEST] },
          },
        ],
      });
      relay.giveTo(NOBODY);
    }

    function writePeer(agent: Agent, n: number): void {
      agent.writeConfig({
        interface: { vni: VNI, address: [`10.77.0.${n}/24`, `fd77::${n}/64`] },
        peers: [
          peerOf(relay, ['10.77.0.254/32', 'fd77::254/128', '198.51.100.0/24', '2001:db8:4::/64'], {
            endpoint: '192.0.2.1',
          }),
        ],
      });
    }

    async function probe(host: Namespace, to: string, port: number, len = 8): Promise<string> {
      return (await host.exec([process.execPath, '-e', PROBE, to, `${port}`, `${len}`])).stdout;
    }

    function descriptors(): number {
      return readdirSync(`/proc/${relay.pid}/fd`).length;
    }

    function residentKib(): number {
      return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${relay.pid}/status`, 'utf8'))?.[1]);
    }

    async function sessions() {
      const { networks } = await relay.admin.relay.relayList({});
      return networks.flatMap((network) => network.sessions);
    }

    beforeAll(async () => {
      const [a, b, c, d] = lab.mesh(['r', 'p', 'q', 'o']);
      if (!a || !b || !c || !d) throw new TypeError('mesh() gave too few hosts');
      for (const [index, host] of [a, b, c, d].entries()) {
        host.ip(`addr add ${UNDERLAY6(index + 1)}/64 dev eth0 nodad`);
      }
      for (const address of [FAR[0], OTHER[0]]) d.ip(`addr add ${address}/32 dev lo`);
      for (const address of [FAR[1], OTHER[1]]) d.ip(`addr add ${address}/128 dev lo nodad`);
      a.ip('route add 198.51.100.0/24 via 192.0.2.4');
      a.ip(`-6 route add 2001:db8:4::/64 via ${UNDERLAY6(4)}`);
      // Frames of a datagram in 45 fragments wait for who has no turn yet.
      await a.exec(['sysctl', '-qw', 'net.unix.max_dgram_qlen=512']);
      [relay, allowed, other] = [
        new Agent(a, directory, 'relay0'),
        new Agent(b, directory, 'p0'),
        new Agent(c, directory, 'q0'),
      ];
      chownSync(directory.path, NOBODY, NOBODY);
      writeRelay();
      writePeer(allowed, 2);
      writePeer(other, 3);
      outside = await startOutside(d, [...FAR, ...OTHER]);
      relay.start({}, AS_NOBODY, ['--userspace']);
      for (const agent of [allowed, other]) agent.start();
      await Promise.all([relay, allowed, other].map((agent) => agent.waitPeers()));
      guest = await RelayGuest.start(a, {
        mac: '02:00:00:00:00:09',
        gateway: GATEWAY,
        path: file('guest.sock'),
        remote: file('port.sock'),
        address: GUEST,
        pcap: file('guest.pcap'),
      });
    });
    afterAll(() => {
      guest?.kill();
      outside?.kill();
      lab.close();
      directory.remove();
    });

    test.each(FAMILIES)(
      'answers for its address, and for what is outside (IPv%i)',
      async (_version, family) => {
        const mac = GATEWAY.replaceAll(':', '');
        expect(await guest.macOf(RELAY[family] ?? '')).toBe(mac);
        expect(await guest.macOf(FAR[family] ?? '')).toBe(mac);
      },
    );

    test.each(FAMILIES)('carries DNS for its address to the resolver (IPv%i)', async (_version, family) => {
      const question = '123401000001000000000000076578616d706c6503636f6d0000010001';
      const { answer } = await guest.udp(RELAY[family] ?? '', Outside.dns, question);
      expect(answer).toBe(question.replace('123401', '123481'));
      expect((await guest.udp(RELAY[family] ?? '', 5_353, 8)).errors).toEqual([PORT_UNREACHABLE[family]]);
    });

    test.each(FAMILIES)('returns datagrams of any size whole (IPv%i)', async (_version, family) => {
      for (const [index, len] of LENGTHS.entries()) {
        const answer = await guest.udp(FAR[family], Outside.echo, len, 41_000 + index);
        expect({ len, ...answer }).toEqual({ len, isSame: true, answer: null, others: 0, errors: [] });
      }
      const listed = (await sessions()).filter(({ destination }) => destination.includes(FAR[family]));
      expect(listed).toHaveLength(LENGTHS.length);
      expect(listed.every(({ guest: name }) => name === 'vm')).toBe(true);
      expect(listed.map(({ tx_bytes, rx_bytes }) => `${tx_bytes} ${rx_bytes}`)).toContain('65507 65507');
    });

    test.each(FAMILIES)('lets in no answer from elsewhere (IPv%i)', async (_version, family) => {
      expect(await guest.udp(FAR[family] ?? '', Outside.spoofing)).toMatchObject({
        isSame: false,
        others: 0,
      });
    });

    test('resets TCP', async () => {
      for (const far of FAR) expect(await guest.isReset(far, 80)).toBe(true);
    });

    test.each([
      ['loopback', '127.0.0.1'],
      ['loopback in IPv6', '::1'],
      ['the host', '192.0.2.1'],
      ['the host in IPv6', UNDERLAY6(1)],
      ['the broadcast address of its network', '192.0.2.255'],
      ['the inner address of a peer of others', '10.77.0.254'],
      ['the mapped form of the host', '::ffff:192.0.2.1'],
    ])('refuses %s', async (_, to) => {
      const [error] = (await guest.udp(to, Outside.echo)).errors;
      expect([...PROHIBITED, ...PORT_UNREACHABLE]).toContain(error);
    });

    test('refuses metadata, which a guest would not even send to its router', async () => {
      expect(await guest.udp('169.254.169.254', 80)).toMatchObject({ isSame: false, others: 0 });
    });

    test('a reload changes what is refused, for sessions that there are as well', async () => {
      const there = async () =>
        (await sessions()).filter(({ destination }) => destination.startsWith(`[${FAR[1]}]`));
      expect(await guest.udp(FAR[1], Outside.echo, 8, 43_000)).toMatchObject({ isSame: true });
      expect(await there()).not.toEqual([]);
      writeRelay({ deny: ['2001:db8:4::/64'] });
      expect((await relay.cli('reload', relay.name)).code).toBe(0);
      expect(await there()).toEqual([]);
      expect((await guest.udp(FAR[1], Outside.echo, 8, 43_000)).errors).toEqual([PROHIBITED[1]]);
      writeRelay();
      expect((await relay.cli('reload', relay.name)).code).toBe(0);
      expect(await guest.udp(FAR[1], Outside.echo, 8, 43_000)).toMatchObject({ isSame: true });
    });

    test('an address that the host gets is refused soon', async () => {
      relay.host.ip('addr add 203.0.113.1/32 dev lo');
      let port = 42_000;
      const errors = async () => (await guest.udp('203.0.113.1', Outside.echo, 8, port++)).errors;
      await expect.poll(errors, { timeout: 15_000, interval: 100 }).toEqual([PROHIBITED[0]]);
    });

    test.each(FAMILIES)('lets out the peer that may, and no other (IPv%i)', async (_version, family) => {
      const far = FAR[family] ?? '';
      for (const len of [8, 1_200, 30_000]) {
        expect(await probe(allowed.host, far, Outside.echo, len)).toBe(`${far} ${len}`);
      }
      expect(await probe(allowed.host, RELAY[family] ?? '', Outside.dns)).toBe(`${RELAY[family]} 8`);
      expect(await probe(other.host, far, Outside.echo)).toBe('silence');
      expect((await scrape(relay)).drops('rx', 'no_port')).toBeGreaterThan(0);
      const names = (await sessions()).filter(
        ({ source }) => source.includes('::2') || source.includes('.2:'),
      );
      expect(names.map(({ guest: name }) => name)).toContain(allowed.name);
    });

    test('a reload lets a peer out no more', async () => {
      expect(await probe(allowed.host, FAR[0], Outside.echo)).toBe(`${FAR[0]} 8`);
      writeRelay({}, {});
      expect((await relay.cli('reload', relay.name)).code).toBe(0);
      expect((await sessions()).filter(({ guest: name }) => name === allowed.name)).toEqual([]);
      expect(await probe(allowed.host, FAR[0], Outside.echo)).toBe('silence');
      writeRelay();
      expect((await relay.cli('reload', relay.name)).code).toBe(0);
      expect(await probe(allowed.host, FAR[0], Outside.echo)).toBe(`${FAR[0]} 8`);
    });

    test('ten thousand sessions come, are all that there are, and go', async () => {
      const open = async () => (await relay.status()).networks?.[0]?.relay?.sessions;
      const opened = async () => (await scrape(relay)).value('icx_relay_sessions_opened_total');
      await expect.poll(open, { timeout: 15_000, interval: 100 }).toBe(0);
      const fds = descriptors();
      const kib: number[] = [];
      // The first round makes the process as large as it gets.
      for (const firstPort of [10_000, 30_000]) {
        const before = (await opened()) + (await refusals());
        await guest.flood(FAR[0], Outside.echo, firstPort, MAX_SESSIONS + 200);
        const peak = descriptors() - fds;
        expect(peak).toBeGreaterThan(MAX_SESSIONS / 2);
        expect(peak).toBeLessThanOrEqual(MAX_SESSIONS + SPARE_FDS);
        expect((await opened()) + (await refusals()) - before).toBe(MAX_SESSIONS + 200);
        await expect.poll(open, { timeout: 20_000, interval: 100 }).toBe(0);
        expect(Math.abs(descriptors() - fds)).toBeLessThan(SPARE_FDS);
        kib.push(residentKib());
      }
      const [first = 0, second = 0] = kib;
      expect(second - first).toBeLessThan(16 << 10);
      expect(await guest.udp(FAR[0], Outside.echo)).toMatchObject({ isSame: true });
    }, 90_000);

    async function refusals(): Promise<number> {
      const found = await scrape(relay);
      return ['full', 'guest_full'].reduce(
        (sum, reason) => sum + found.value('icx_relay_refused_total', { reason }),
        0,
      );
    }

    test('more sessions than there may be are refused, and counted', async () => {
      writeRelay({ max_sessions: 50, max_sessions_per_guest: 40, idle_timeout: '60s' });
      expect((await relay.cli('reload', relay.name)).code).toBe(0);
      const before = await refusals();
      expect(await guest.flood(FAR[0], Outside.echo, 30_000, 60)).toBe(40);
      expect((await sessions()).length).toBe(40);
      expect((await refusals()) - before).toBe(20);
      const { stdout, stderr } = await relay.cli('relay', 'list', relay.name);
      expect({ stdout, stderr }).toEqual({ stdout: expect.stringContaining('40 sessions'), stderr: '' });
      expect((await scrape(relay)).value('icx_relay_sessions')).toBe(40);
      expect((await relay.status()).networks).toMatchObject([{ relay: { sessions: 40, max_sessions: 50 } }]);
    });

    testWith(['tshark'], 'Wireshark finds all checksums of what the guest got right', async () => {
      guest.finish();
      const args = [
        '-r',
        file('guest.pcap'),
        '-o',
        'ip.check_checksum:TRUE',
        '-o',
        'udp.check_checksum:TRUE',
      ];
      const fields = ['-T', 'fields', '-e', 'ip.checksum.status', '-e', 'udp.checksum.status'];
      const more = [
        '-e',
        'icmp.checksum.status',
        '-e',
        'icmpv6.checksum.status',
        '-e',
        'tcp.checksum.status',
      ];
      const { stdout } = spawnSync('tshark', [...args, '-Y', 'ip or ipv6', ...fields, ...more], {
        encoding: 'utf8',
        maxBuffer: 64 << 20,
      });
      const statuses = stdout.split('\n').filter(Boolean);
      expect(statuses.length).toBeGreaterThan(100);
      // 0 is bad; 1 is good, 2 was not verified, which is so of a fragment.
      expect(statuses.filter((line) => /\b0\b/.test(line))).toEqual([]);
    });

    test('ends, and leaves no socket behind', async () => {
      const { code } = await relay.stop();
      expect(code).toBe(0);
      expect(readdirSync(dirname(relay.configFile)).filter((name) => name === 'port.sock')).toEqual([]);
    });
  },
  missingTools(['setpriv', 'sysctl']),
);

function peerOf(agent: Agent, allowedIps: readonly string[], more: Settings): Settings {
  return { name: agent.name, public_key: agent.keys.publicKey, allowed_ips: [...allowedIps], ...more };
}
