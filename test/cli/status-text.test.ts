import { describe, expect, test } from 'vitest';
import type { NetworkStatus, Status } from '../../cli/status-schema.ts';
import { renderStatus } from '../../cli/status-text.ts';
import { sampleStatus } from './sample-status.ts';

/** An L3 and an L2 network with a common peer, and a peer of neither. */
function severalNetworks(): Status {
  const status = sampleStatus();
  const [l3] = status.networks ?? [];
  const [, quiet] = status.peers;
  if (l3 === undefined || quiet === undefined) throw new TypeError('a network and two peers expected');
  const l2: NetworkStatus = {
    ...l3,
    name: 'lan0',
    vni: 7,
    mode: 'l2',
    interface: null,
    addresses: [],
    mtu: 1500,
    ports: 3,
    stations: 12,
    max_stations: 16_384,
    neighbours: 4,
  };
  const peer = (name: string, network?: string) => ({ ...quiet, name, network, last_error: null });
  const peers = [peer('b', 'lan0'), peer('lost'), peer('b', 'icx0'), peer('c', 'lan0')];
  return { ...status, networks: [l3, l2], peers };
}

const quietPeer = (name: string) => `peer: ${name}
  public key: 7UkoxijRwsbq6QM4kFmVYSlZJzqcY/k2NsFGFKyHN9E=
  state: waiting (for the peer to dial: it has no endpoint here)
  endpoint: (not known yet)
  allowed ips: (none)
  latest handshake: (never)
  transfer: 0 B received, 0 B sent
`;

describe('renderStatus()', () => {
  test('shows the first announced routes and how many more there are, nothing where there are none', () => {
    const status = sampleStatus();
    const [peer] = status.peers;
    if (peer === undefined) throw new TypeError('a peer expected');
    const shown = (count: number) => {
      const announced = Array.from({ length: count }, (_, n) => `10.88.0.${n}/32`);
      const text = renderStatus({ ...status, peers: [{ ...peer, announced_ips: announced }] }, false);
      return /announced ips: (.*)/.exec(text)?.[1];
    };
    expect(shown(0)).toBeUndefined();
    expect(shown(2)).toBe('10.88.0.0/32, 10.88.0.1/32');
    expect(shown(16)).toMatch(/10\.88\.0\.15\/32$/);
    expect(shown(19)).toMatch(/10\.88\.0\.15\/32 and 3 more$/);
  });

  test('shows everything without colours', () => {
    expect(renderStatus(sampleStatus(), false)).toBe(`interface: icx0
  public key: iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=
  vni: 1
  addresses: 10.77.0.1/24, fd77::1/64
  listening: 0.0.0.0, data 6081, control 6082
  control: QUIC
  mtu: 1392 (route to 192.0.2.2 carries 1460 bytes)
  queues: 2
  crypto: OpenSSL 3.0.15 (node)
  offloads: tso, gso_segments 64
  up for: 1 hour, 1 minute, 1 second (pid 4711, icx 0.1.0)

peer: host-b
  public key: gTl3Dqh9F19Wo1Rmw0x+zMuNiphVCVdmKtJlMLMrROs=
  state: up
  endpoint: 192.0.2.2:6081
  allowed ips: 10.77.0.2/32
  latest handshake: 1 minute, 3 seconds ago, took 35.3 ms, X25519 and ML-KEM-768, aes-128-gcm
  transfer: 2.00 KiB received, 3.00 GiB sent
  path: rtt 0.42 ms, mtu 1392
  security associations:
        spi       lane  age                  packets  budget used
    rx  40000001  0     1 minute, 3 seconds  10
    tx  00000001  0     1 minute, 3 seconds  20       1.25 %

peer: host-c
  public key: 7UkoxijRwsbq6QM4kFmVYSlZJzqcY/k2NsFGFKyHN9E=
  state: waiting (refused: �[31mno such key�really)
  endpoint: (not known yet)
  allowed ips: (none)
  latest handshake: (never)
  transfer: 0 B received, 0 B sent

packets:
  rx: 13 received, 10 delivered
  tx: 20 received, 20 delivered
  drops:
        reason  packets
    rx  replay  3
`);
  });

  test('tells nothing more of one L3 network', () => {
    const { networks, ...older } = sampleStatus();
    expect(networks).toHaveLength(1);
    expect(renderStatus(sampleStatus(), false)).toBe(renderStatus(older, false));
  });

  test('has a block for each of several networks, followed by its peers', () => {
    const text = renderStatus(severalNetworks(), false);
    expect(text.slice(text.indexOf('  up for'), text.indexOf('packets:\n'))).toBe(
      `  up for: 1 hour, 1 minute, 1 second (pid 4711, icx 0.1.0)

network: icx0
  vni: 1
  mode: l3
  interface: icx0
  addresses: 10.77.0.1/24, fd77::1/64
  mtu: 1392

${quietPeer('b')}
network: lan0
  vni: 7
  mode: l2
  interface: (none)
  addresses: (none)
  mtu: 1500
  ports: 3
  stations: 12 of at most 16384
  neighbours: 4

${quietPeer('b')}
${quietPeer('c')}
${quietPeer('lost')}
`,
    );
    expect(text.slice(0, text.indexOf('  up for'))).toBe(`interface: icx0
  public key: iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=
  listening: 0.0.0.0, data 6081, control 6082
  control: QUIC
  queues: 2
  crypto: OpenSSL 3.0.15 (node)
  offloads: tso, gso_segments 64
`);
  });

  test('has a block for one L2 network, and why it has its MTU', () => {
    const { networks = [], ...status } = severalNetworks();
    const text = renderStatus({ ...status, networks: networks.slice(1) }, false);
    expect(text).toContain('network: lan0\n');
    expect(text).toContain('  mtu: 1392 (route to 192.0.2.2 carries 1460 bytes)\n  ports: 3\n');
    expect(text.match(/^ {2}mtu:/gm)).toHaveLength(1);
  });

  test.each<[string, Partial<NetworkStatus>, string]>([
    ['without interface', { interface: null }, '  interface: (none)\n'],
    ['with a relay', { relay: { sessions: 3, max_sessions: 9 } }, '  relay: 3 of at most 9 sessions\n'],
    ['with containers', { attachments: 2 }, '  containers: 2\n'],
  ])('has a block for one L3 network %s', (_, changes, line) => {
    const { networks = [], ...status } = sampleStatus();
    const text = renderStatus(
      { ...status, networks: networks.map((one) => ({ ...one, ...changes })) },
      false,
    );
    expect(text).toContain('network: icx0\n');
    expect(text).toContain(line);
    expect(text.match(/^ {2}addresses:/gm)).toHaveLength(1);
  });

  test('tells ports and neighbours of an L3 network that has some', () => {
    const { networks = [], ...status } = severalNetworks();
    const both = networks.map((network) => ({ ...network, mode: 'l3' as const }));
    const text = renderStatus({ ...status, networks: both }, false);
    expect(text).toContain('  mode: l3\n  interface: (none)\n');
    expect(text).toContain('  mtu: 1500\n  ports: 3\n  neighbours: 4\n');
  });

  test('colours only when asked to', () => {
    const csi = '\u001b[';
    expect(renderStatus(sampleStatus(), false)).not.toContain(csi);
    expect(renderStatus(sampleStatus(), true)).toContain(`${csi}3`);
  });

  test('says what a peer without endpoint waits for', () => {
    const status = sampleStatus();
    const peers = status.peers.map((peer) => ({ ...peer, last_error: null }));
    const text = renderStatus({ ...status, peers }, false);
    expect(text).toContain('  state: waiting (for the peer to dial: it has no endpoint here)\n');
  });

  test('tells what carries a transport that has several carriers', () => {
    const status = sampleStatus();
    const control = { transport: 'webtransport', carrier: 'HTTP/2 over TCP' } as const;
    const text = renderStatus({ ...status, interface: { ...status.interface, control } }, false);
    expect(text).toContain('  control: webtransport (HTTP/2 over TCP)\n');
  });

  test('says that nothing was dropped', () => {
    const status = { ...sampleStatus(), drops: { rx: { replay: 0 }, tx: {} } };
    expect(renderStatus(status, false)).toContain('  drops: none\n');
  });
});
