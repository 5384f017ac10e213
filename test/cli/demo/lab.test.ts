import { execFileSync } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { DemoLab } from '../../../cli/demo/lab.ts';
import { describeHosts } from '../../support/describe-hosts.ts';

const namespaces = () => execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });

describeHosts('DemoLab', () => {
  const lab = new DemoLab();
  afterAll(() => lab.removeSync());

  test('create() makes two hosts that reach each other, removeSync() removes them with what runs there', async () => {
    lab.create();
    expect(namespaces()).toContain(`icx-demo-${process.pid}-a`);
    expect(lab.ip('a', ['-o', 'link', 'show', 'eth0'])).toContain('mtu 1500');
    expect(lab.ip('a', ['route', 'get', '192.0.2.2'])).toContain('dev eth0');
    const child = lab.spawn('b', ['sleep', '60'], ['ignore', 'pipe', 'pipe']);
    const ended = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    lab.removeSync();
    lab.removeSync();
    expect(await ended).toBe('SIGKILL');
    expect(namespaces()).not.toContain(`icx-demo-${process.pid}-`);
  });

  test('leftovers() names interfaces and rules that nobody removed', () => {
    lab.create();
    expect(lab.leftovers('a')).toEqual([]);
    lab.ip('a', ['tuntap', 'add', 'demo-a', 'mode', 'tun']);
    lab.ip('a', ['-6', 'rule', 'add', 'priority', '77', 'lookup', '6081']);
    lab.ip('a', ['rule', 'add', 'priority', '78', 'fwmark', '1', 'lookup', '6081']);
    const left = lab.leftovers('a');
    expect(left).toHaveLength(3);
    expect(left.join('\n')).toMatch(/demo-a.*78:.*77:/s);
  });

  test('create() removes what a killed demo left', () => {
    execFileSync('ip', ['netns', 'add', 'icx-demo-4194999-a']); // beyond the largest pid
    lab.removeSync();
    lab.create();
    expect(namespaces()).not.toContain('icx-demo-4194999-a');
  });
});
