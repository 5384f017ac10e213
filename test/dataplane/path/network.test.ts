import { describe, expect, test } from 'vitest';
import { Network } from '../../../dataplane/path/network.ts';
import { Peer } from '../../../dataplane/path/peer.ts';
import { parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { peerSpec } from './host.ts';

const view = new DataView(new ArrayBuffer(64));

function maySendFrom(network: Network, address: string, port = 6081): boolean {
  writeEndpoint(view, 8, parseEndpoint({ address, port }));
  return network.maySendFrom(view, 8);
}

function join(network: Network, slot: number, address: string | null, validateSource: boolean): Peer {
  const peer = new Peer(slot, network);
  const endpoint = address === null ? null : { address, port: 6081 };
  peer.configure(peerSpec({ slot, endpoint, validateSource }), endpoint && parseEndpoint(endpoint));
  network.join(peer);
  return peer;
}

describe('Network', () => {
  test.each([0, -1, 0x1000000, 1.5, Number.NaN])('refuses VNI %d', (vni) => {
    expect(() => new Network(vni)).toThrow(/expected 1 to 16777215/);
  });

  test('maySendFrom() says yes to all while no peer validates, or not every peer', () => {
    const network = new Network(1);
    expect(maySendFrom(network, '198.51.100.1')).toBe(true);
    join(network, 1, '192.0.2.1', true);
    const lax = join(network, 2, '192.0.2.2', false);
    expect(maySendFrom(network, '198.51.100.1')).toBe(true);
    network.leave(lax);
    expect(maySendFrom(network, '198.51.100.1')).toBe(false);
  });

  test('maySendFrom() knows the addresses of validating peers, IPv4 and IPv6, on any port', () => {
    const network = new Network(1);
    join(network, 1, '192.0.2.1', true);
    join(network, 2, '2001:db8::1', true);
    expect(maySendFrom(network, '192.0.2.1', 50_000)).toBe(true);
    expect(maySendFrom(network, '2001:db8::1')).toBe(true);
    expect(maySendFrom(network, '::192.0.2.1')).toBe(false);
    expect(maySendFrom(network, '2001:db8::2')).toBe(false);
  });

  test('an address of two peers stays until both left', () => {
    const network = new Network(1);
    const first = join(network, 1, '192.0.2.1', true);
    const second = join(network, 2, '192.0.2.1', true);
    join(network, 3, '192.0.2.3', true);
    network.leave(first);
    expect(maySendFrom(network, '192.0.2.1')).toBe(true);
    network.leave(second);
    network.leave(second);
    expect(maySendFrom(network, '192.0.2.1')).toBe(false);
    expect(maySendFrom(network, '192.0.2.3')).toBe(true);
  });

  test('a validating peer without an endpoint lets nobody in', () => {
    const network = new Network(1);
    join(network, 1, null, true);
    expect(maySendFrom(network, '192.0.2.1')).toBe(false);
  });
});
