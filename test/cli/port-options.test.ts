import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type PortOptions, portSpec } from '../../cli/port-options.ts';
import { PORT_SPEC } from '../../cli/port-spec.ts';

const LONGEST = `/${'x'.repeat(106)}`;

/** Without the keys that are not set. */
function spec(options: PortOptions): unknown {
  return JSON.parse(JSON.stringify(portSpec(options)));
}

describe('portSpec()', () => {
  test.each<[string, PortOptions, object]>([
    [
      'a socket, named after its file',
      { type: 'unix', path: '/run/vm1.sock' },
      { type: 'unix', name: 'vm1', path: '/run/vm1.sock' },
    ],
    [
      'a socket with everything',
      {
        type: 'unix',
        path: '/run/a',
        remote: ['/run/b'],
        mode: '0660',
        mtu: '1500',
        name: 'x',
        maxStations: '9',
      },
      { type: 'unix', name: 'x', path: '/run/a', remote: '/run/b', mode: '0660', mtu: 1500, max_stations: 9 },
    ],
    [
      'paths from here',
      { type: 'unix', path: 'a.sock', remote: ['b'] },
      { type: 'unix', name: 'a', path: resolve('a.sock'), remote: resolve('b') },
    ],
    [
      'the longest path',
      { type: 'unix', path: LONGEST, name: 'x' },
      { type: 'unix', name: 'x', path: LONGEST },
    ],
    [
      'a device',
      { type: 'interface', device: 'veth0' },
      { type: 'interface', name: 'veth0', device: 'veth0' },
    ],
    [
      'a segment that learns',
      { type: 'vxlan', learnRemotes: true },
      { type: 'vxlan', name: 'vxlan', learn_remotes: true },
    ],
    [
      'a segment with everything',
      {
        type: 'vxlan',
        vni: '42',
        listen: '::',
        listenPort: '4790',
        remote: ['2001:db8::1', '2001:db8::2'],
        group: 'ff05::1',
        device: 'eth0',
        learnRemotes: true,
        ttl: '8',
      },
      {
        type: 'vxlan',
        name: 'vxlan42',
        vni: 42,
        listen: '::',
        listen_port: 4790,
        remotes: ['2001:db8::1', '2001:db8::2'],
        group: 'ff05::1',
        device: 'eth0',
        learn_remotes: true,
        ttl: 8,
      },
    ],
  ])('makes %s', (_, options, made) => {
    expect(spec(options)).toEqual(made);
    expect(PORT_SPEC.parse(portSpec(options))).toEqual(portSpec(options));
  });

  test.each<[PortOptions, string]>([
    [{ type: 'unix' }, '--type unix needs --path'],
    [{ type: 'unix', path: '' }, '--type unix needs --path'],
    [{ type: 'interface' }, '--type interface needs --device'],
    [{ type: 'vxlan' }, 'a vxlan port leads nowhere so far'],
    [{ type: 'vxlan', device: 'eth0', vni: '1' }, 'a vxlan port leads nowhere so far'],
    [{ type: 'interface', device: 'a', path: '/x' }, '--path is not for --type interface'],
    [{ type: 'unix', path: '/x', listenPort: '1' }, '--listen-port is not for --type unix'],
    [{ type: 'vxlan', group: '239.0.0.1', mtu: '1500' }, '--mtu is not for --type vxlan'],
    [{ type: 'unix', path: '/x', remote: ['/a', '/b'] }, 'a unix port has one --remote'],
    [{ type: 'unix', path: `${LONGEST}x`, name: 'x' }, `cannot use --path "${LONGEST}x"`],
    [{ type: 'unix', path: '/x', remote: [''] }, 'cannot use --remote ""'],
    [{ type: 'unix', path: '/x', mode: '660x' }, 'cannot use --mode "660x"'],
    [{ type: 'unix', path: '/x', mtu: '100' }, 'cannot use --mtu "100"'],
    [{ type: 'unix', path: '/x', address: ['10.0.0.9/8'] }, 'cannot use --address "10.0.0.9/8"'],
    [{ type: 'unix', path: '/x', name: '' }, '"" can\'t name a port'],
    [{ type: 'unix', path: '/x', name: 'a b' }, '"a b" can\'t name a port'],
    [{ type: 'unix', path: '/x', name: '-a' }, '"-a" can\'t name a port'],
    [{ type: 'unix', path: '/' }, '"" can\'t name a port'],
    [{ type: 'interface', device: '..' }, 'cannot use --device ".."'],
    [{ type: 'interface', device: '0123456789abcdef' }, 'cannot use --device "0123456789abcdef"'],
    [{ type: 'interface', device: 'a', maxStations: '0' }, 'cannot use --max-stations "0"'],
    [{ type: 'interface', device: 'a', maxStations: '1000001' }, 'cannot use --max-stations "1000001"'],
    [{ type: 'vxlan', learnRemotes: true, vni: '16777216' }, 'cannot use --vni "16777216"'],
    [{ type: 'vxlan', learnRemotes: true, vni: '1e3' }, 'cannot use --vni "1e3"'],
    [{ type: 'vxlan', learnRemotes: true, listenPort: '65536' }, 'cannot use --listen-port "65536"'],
    [{ type: 'vxlan', learnRemotes: true, ttl: '256' }, 'cannot use --ttl "256"'],
    [{ type: 'vxlan', learnRemotes: true, listen: 'here' }, 'cannot use --listen "here"'],
    [{ type: 'vxlan', learnRemotes: true, device: '' }, 'cannot use --device ""'],
    [{ type: 'vxlan', group: 'all' }, 'cannot use --group "all"'],
    [{ type: 'vxlan', remote: ['192.0.2.1', 'site-b'] }, 'cannot use --remote "site-b"'],
  ])('refuses %j as wrong usage', (options, message) => {
    expect(() => portSpec(options)).toThrow(expect.objectContaining({ message, exit: 2 }));
  });

  test('says what goes with a type', () => {
    expect(() => portSpec({ type: 'unix', path: '/x', vni: '1' })).toThrow(
      expect.objectContaining({
        hint: 'it takes --path, --remote, --mode, --mtu, --address and --max-stations',
      }),
    );
  });
});
