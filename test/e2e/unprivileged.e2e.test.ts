/** Agents without interfaces run as anybody, without /dev/net/tun and iproute2; their guests reach each other. */
import { chmodSync, chownSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { Lab } from '../support/netns.ts';
import { meshMembers } from '../support/segment.ts';
import { missingTools } from '../support/tools.ts';
import { two } from '../support/tuple.ts';
import { UnixGuest } from '../support/unix-guest.ts';

const NOBODY = 65_534;
const ADDRESSES = [
  ['10.77.1.9', 'fd77:1::9'],
  ['10.77.2.9', 'fd77:2::9'],
] as const;
/** What an agent needs for interfaces is hidden from it, and so are root's rights. */
const HIDE = 'mount -t tmpfs none /dev/net && mount --bind /dev/null "$(command -v ip)"';
const DROP = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --inh-caps=-all`;
const AS_NOBODY = ['unshare', '-m', 'sh', '-c', `${HIDE} && exec ${DROP} "$@"`, 'sh'];

describeHosts('Agents of an ordinary user', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  let agents: readonly [Agent, Agent];
  const guests: UnixGuest[] = [];
  const path = (name: string) => join(directory.path, `${name}.sock`);

  beforeAll(async () => {
    expect(missingTools(['unshare', 'setpriv'])).toBeNull();
    const members = meshMembers(lab, ['a', 'b']);
    agents = two(members.map(({ host }, index) => new Agent(host, directory, `u${index + 1}`)));
    for (const [own, agent] of agents.entries()) {
      const other = agents[own === 0 ? 1 : 0];
      agent.writeConfig({
        interface: { queues: 2 },
        peers: [{ name: other.name, public_key: other.keys.publicKey, endpoint: `192.0.2.${2 - own}` }],
        sections: [
          { title: '[[network]]', settings: { name: 'vms', vni: 30, interface: false } },
          {
            title: '[[network.port]]',
            settings: {
              type: 'unix',
              name: 'vm',
              path: path(`port-${own}`),
              address: [...(ADDRESSES[own] ?? [])],
            },
          },
          {
            title: '[[network.peer]]',
            settings: { name: other.name, allowed_ips: [...(ADDRESSES[1 - own] ?? [])] },
          },
        ],
      });
    }
    giveAway(directory.path);
    for (const agent of agents) agent.start({}, AS_NOBODY);
    await Promise.all(agents.map((agent) => agent.waitPeers()));
    for (const [own, { host }] of agents.entries()) {
      const sockets = { path: path(`vm-${own}`), remote: path(`port-${own}`) };
      const address = ADDRESSES[own as 0 | 1];
      guests.push(await UnixGuest.start(host, { mac: `02:00:00:00:04:0${own}`, address, ...sockets }));
      chmodSync(sockets.path, 0o666);
    }
  });
  afterAll(() => {
    for (const guest of guests) guest.kill();
    lab.close();
    directory.remove();
  });

  test('have no interface, and guests that ping each other', async () => {
    const [guest] = guests;
    for (const far of ADDRESSES[1]) {
      expect(await guest?.ping(far)).toEqual({ received: 3, hops: 62, errors: [] });
    }
    for (const { host, pid } of agents) {
      expect(host.ip('-o link')).not.toMatch(/vms|tun/);
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      expect(status).toMatch(/^Uid:\t65534\t65534\t/m);
      expect(status).toMatch(/^CapEff:\t0+$/m);
    }
  });

  test('say that nobody watches the underlay, once', () => {
    for (const { log } of agents) expect(log.match(/iproute2 is missing/g)).toHaveLength(1);
  });

  test('drop what no guest has, since there is no host to give it to', async () => {
    const [guest] = guests;
    expect(await guest?.ping('198.51.100.1', { count: 1 })).toMatchObject({ received: 0 });
    const { networks } = await agents[0].admin.l2.portList({});
    expect(networks[0]?.ports[0]?.drops?.rx.no_route).toBe(1);
  });

  test('end and leave nothing', async () => {
    for (const agent of agents) expect(await agent.stop()).toMatchObject({ code: 0 });
    expect(readdirSync(directory.path).filter((name) => name.startsWith('port-'))).toEqual([]);
  });
});

/** Gives a directory and all in it to nobody. */
function giveAway(root: string): void {
  chownSync(root, NOBODY, NOBODY);
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    chownSync(join(root, name), NOBODY, NOBODY);
  }
}
