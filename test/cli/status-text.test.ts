import { describe, expect, test } from 'vitest';
import { renderStatus } from '../../cli/status-text.ts';
import { sampleStatus } from './sample-status.ts';

describe('renderStatus()', () => {
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
