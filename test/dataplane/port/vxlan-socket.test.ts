/** VXLAN sockets: families, devices, groups, and what the kernel refuses. */
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import { fcntl } from '../../../dataplane/io/libc.ts';
import { joinGroup, leaveGroup } from '../../../dataplane/port/vxlan-socket.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab, type Namespace } from '../../support/netns.ts';
import { SocketSet } from './udp-ports.ts';
import { frameOf, type VxlanRig, VxlanRigs } from './vxlan-rig.ts';

const F_GETFD = 1;
const FD_CLOEXEC = 1;
const F_GETFL = 3;
const O_NONBLOCK = 0x800;
const GROUP_4 = '239.7.7.7';
const GROUP_6 = 'ff05::7';
const rigs = new VxlanRigs();
const sockets = new SocketSet();
afterEach(() => {
  rigs.close();
  sockets.close();
});

describe('openVxlanSocket()', () => {
  test.each([
    ['127.0.0.1', 2, false],
    ['0.0.0.0', 2, true],
    ['::1', 10, false],
    ['::', 10, true],
  ])('opens %s, non-blocking, closed to programs', (listen, family, isWildcard) => {
    const { socket } = rigs.open({ listen });
    expect(socket).toEqual({ fd: socket.fd, family, isWildcard, port: socket.port, deviceIndex: 0 });
    expect(socket.port).toBeGreaterThan(0);
    expect(fcntl(socket.fd, F_GETFD, 0)).toBe(FD_CLOEXEC);
    expect(fcntl(socket.fd, F_GETFL, 0) & O_NONBLOCK).toBe(O_NONBLOCK);
  });

  test('says who may have the port', () => {
    const { port } = sockets.open();
    expect(() => rigs.open({ port })).toThrow(
      `Cannot bind VXLAN to 127.0.0.1 UDP port ${port}: address already in use (EADDRINUSE); ` +
        'does a VXLAN interface or another agent have it?',
    );
  });

  test.each(['nosuchdev', 'a-name-that-is-much-too-long'])(
    'names the device %s that is missing',
    (device) => {
      expect(() => rigs.open({ device })).toThrow(`Cannot find the interface ${device}: `);
    },
  );

  test('a failure leaves no descriptor behind', () => {
    const probe = sockets.open();
    for (let i = 0; i < 5; i++) expect(() => rigs.open({ port: probe.port })).toThrow();
    expect(sockets.open().fd).toBe(probe.fd + 1);
  });
});

describe('joinGroup()', () => {
  test.each([
    ['127.0.0.1', GROUP_4],
    ['::1', GROUP_6],
  ])('refuses a socket that listens on %s alone', (listen, group) => {
    const { socket } = rigs.open({ listen });
    expect(() => joinGroup(socket, group)).toThrow(expect.objectContaining({ code: 'ERR_ICX_VXLAN_GROUP' }));
  });

  test.each(['192.0.2.1', GROUP_6, 'all'])('refuses %s on an IPv4 socket', (group) => {
    const { socket } = rigs.open({ listen: '0.0.0.0' });
    expect(() => joinGroup(socket, group)).toThrow(expect.objectContaining({ code: 'ERR_ICX_VXLAN_GROUP' }));
  });

  test('says what the kernel said', () => {
    const { socket } = rigs.open({ listen: '0.0.0.0' });
    closeFd(socket.fd);
    const gone = { ...socket, fd: -1 };
    expect(() => joinGroup(gone, GROUP_4)).toThrow(/Cannot join multicast group 239\.7\.7\.7: .*EBADF/);
    expect(() => leaveGroup(gone, GROUP_4)).toThrow(/Cannot leave multicast group 239\.7\.7\.7: .*EBADF/);
  });
});

describeHosts('VXLAN sockets between hosts', () => {
  const lab = new Lab();
  const [a, b] = [lab.addHost('va'), lab.addHost('vb')];
  lab.link(a, b, {
    addresses: [
      ['192.0.2.1/24', 'fd00::1/64'],
      ['192.0.2.2/24', 'fd00::2/64'],
    ],
  });
  afterAll(() => lab.close());

  const open = (host: Namespace, listen: string, extra = {}) =>
    host.inside(() => rigs.open({ listen, port: 4_789, ...extra }));
  const groupOf = (listen: string) => (listen === '::' ? GROUP_6 : GROUP_4);

  /** Whether what `from` sends to the group reaches `to` within a moment. */
  async function reaches(from: VxlanRig, to: VxlanRig, group: string): Promise<boolean> {
    const spec = { group: { address: group, port: 4_789 } };
    const port = from.add(spec);
    to.add(spec);
    from.send(port, frameOf(1, 0));
    let received = 0;
    for (let i = 0; i < 10 && received === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      received += to.drain().length;
    }
    expect(from.drain()).toEqual([]);
    from.tunnels.remove(42);
    to.tunnels.remove(42);
    return received === 1;
  }

  test.each([
    ['0.0.0.0', GROUP_4],
    ['::', GROUP_6],
    ['::', GROUP_4],
  ])(
    'a group reaches a socket on %s from joinGroup() to leaveGroup(), and never its sender',
    async (listen, group) => {
      const [from, to] = [open(a, listen, { device: 'eth0' }), open(b, listen, { device: 'eth0' })];
      joinGroup(from.socket, group);
      expect(await reaches(from, to, group)).toBe(false);
      joinGroup(to.socket, group);
      joinGroup(to.socket, group);
      expect(await reaches(from, to, group)).toBe(true);
      leaveGroup(to.socket, group);
      expect(await reaches(from, to, group)).toBe(false);
    },
  );

  test.each(['0.0.0.0', '::'])(
    'a group that another socket joined does not reach one on %s',
    async (listen) => {
      const [from, to] = [open(a, listen, { device: 'eth0' }), open(b, listen, { device: 'eth0' })];
      const other = b.inside(() => rigs.open({ listen, device: 'eth0' }));
      joinGroup(other.socket, groupOf(listen));
      expect(await reaches(from, to, groupOf(listen))).toBe(false);
    },
  );

  test('sockets on different devices may have one port', () => {
    const [first, second] = [open(a, '0.0.0.0', { device: 'eth0' }), open(a, '0.0.0.0', { device: 'lo' })];
    expect([first.socket.port, second.socket.port]).toEqual([4_789, 4_789]);
    expect(first.socket.deviceIndex).toBe(Number(/^(\d+):/.exec(a.ip('link show eth0'))?.[1]));
  });

  test('a socket on a device takes nothing from another', async () => {
    const from = open(a, '0.0.0.0');
    const port = from.add({ remotes: [{ address: '192.0.2.2', port: 4_789 }] });
    const arrived = await Promise.all(
      ['lo', 'eth0'].map(async (device) => {
        const to = open(b, '0.0.0.0', { device });
        to.add({ learnRemotes: true });
        from.send(port, frameOf(1, 0));
        await new Promise((resolve) => setTimeout(resolve, 50));
        return to.drain().length;
      }),
    );
    // Both were open when the second frame came.
    expect(arrived[0]).toBe(0);
    expect(arrived[1]).toBeGreaterThan(0);
  });

  test('joinGroup() says when no route leads to the group', () => {
    const alone = lab.addHost('vc');
    const rig = open(alone, '0.0.0.0');
    expect(() => joinGroup(rig.socket, GROUP_4)).toThrow(
      /Cannot join multicast group 239\.7\.7\.7: .*ENODEV/,
    );
  });

  test('sends frames beyond the path in fragments', async () => {
    for (const [listen, address] of [
      ['0.0.0.0', '192.0.2.2'],
      ['::', 'fd00::2'],
    ] as const) {
      const [from, to] = [open(a, listen), open(b, listen)];
      const port = from.add({ remotes: [{ address, port: 4_789 }] });
      to.add({ learnRemotes: true });
      const sent = Array.from({ length: 4 }, (_, i) => frameOf(1, 0, 1_514, i));
      from.send(port, ...sent);
      const received: Buffer[] = [];
      for (let i = 0; i < 20 && received.length < 4; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        received.push(...to.drain().map(({ frame }) => frame));
      }
      expect(received).toEqual(sent);
      rigs.close();
    }
  });
});
