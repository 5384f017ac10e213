import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { isUnderlayChange, watchRoutes } from '../../../cli/host/route-watch.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { Lab } from '../../support/netns.ts';

describe('isUnderlayChange()', () => {
  test.each([
    ['[ROUTE]default via 192.0.2.254 dev eth0', true],
    ['[ROUTE]Deleted 10.5.0.0/24 via 10.4.0.2 dev eth0 linkdown', true],
    ['[ROUTE]unreachable 10.0.0.0/8', true],
    ['[ROUTE]10.77.0.0/24 dev icx0 proto kernel scope link src 10.77.0.1 linkdown', false],
    ['[ROUTE]Deleted 10.77.0.0/24 dev icx0 proto kernel', false],
    ['[ROUTE]10.78.0.0/24 dev icx01 proto kernel', true],
    ['[ROUTE]local 10.4.0.1 dev eth0 table local proto kernel scope host src 10.4.0.1', false],
    ['[ROUTE]multicast ff00::/8 dev eth0 table local proto kernel metric 256 pref medium', false],
    ['[ADDR]2: eth0    inet 10.4.0.1/24 scope global eth0', true],
    ['[ADDR]Deleted 7: icx0    inet 10.77.0.1/24 scope global icx0', false],
    ['[ROUTE]10.1.0.5 dev icx0123456789a scope link', false],
    ['[LINK]Deleted 9: icx0123456789a@if2: <BROADCAST,MULTICAST> mtu 1392', false],
    ['[LINK]2: eth0@if3: <BROADCAST,MULTICAST,UP> mtu 1500', true],
    ['[LINK]Deleted 7: icx0: <POINTOPOINT> mtu 1424', false],
    ['    link/ether 02:00:00:00:00:01', false],
    ['', false],
  ])('%s: %s', (line, changed) => {
    expect(isUnderlayChange(line, ['icx0'])).toBe(changed);
  });
});

describeHosts('watchRoutes()', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  test('calls back once per burst, not for its own device, and leaves no process', async () => {
    const host = lab.addHost('a');
    host.ip('tuntap add icx0 mode tun');
    host.ip('link add eth0 type veth peer name eth1');
    let changes = 0;
    const notices: string[] = [];
    const watch = await host.enter(() =>
      watchRoutes({
        ownDevices: () => ['icx0'],
        onChange: () => changes++,
        onNotice: (text) => notices.push(text),
      }),
    );
    await sleep(300);
    expect(changes).toBe(0);
    host.ip('link set eth0 up mtu 1400');
    host.ip('link set eth1 up');
    host.ip('address add 192.0.2.1/24 dev eth0');
    await sleep(500);
    expect(changes).toBeGreaterThanOrEqual(1);
    expect(changes).toBeLessThanOrEqual(2); // IPv6 finishes its own set-up a little later
    await sleep(2_000);
    const settled = changes;
    host.ip('link set icx0 up mtu 1300');
    host.ip('address add 10.77.0.1/24 dev icx0');
    await sleep(400);
    expect(changes).toBe(settled);
    const running = () => host.pids().length;
    expect(running()).toBe(2);
    await watch.close();
    expect(running()).toBe(0);
    expect(notices).toEqual([]);
  });

  test('starts again when the monitor dies', async () => {
    const host = lab.addHost('b');
    const notices: string[] = [];
    const watch = await host.enter(() =>
      watchRoutes({ ownDevices: () => ['icx0'], onChange: () => {}, onNotice: (text) => notices.push(text) }),
    );
    await sleep(200);
    for (const pid of host.pids()) {
      if (execFileSync('cat', [`/proc/${pid}/comm`], { encoding: 'utf8' }).trim() === 'ip') process.kill(pid);
    }
    await sleep(300);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatch(/'ip monitor' ended.*trying again in 5 s/);
    expect(host.pids()).toEqual([]);
    await watch.close();
  });
});
