/** `icx up --userspace`: an agent without any privilege, and a peer that has its interface. */
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { MAIN } from '../support/dist.ts';
import { hostState } from '../support/host-state.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { siteAgents } from '../support/sites.ts';
import { missingTools } from '../support/tools.ts';

/** Root without what makes it root: the files stay readable. */
const UNPRIVILEGED = ['setpriv', '--bounding-set=-all', '--inh-caps=-all'];
const RELAY = '\n[relay]\nmax_sessions = 9\n';

describeHosts(
  'icx up --userspace, without capabilities',
  () => {
    const directory = new AgentDirectory();
    const lab = new Lab();
    let host: Namespace;
    let state: string;
    let agent: Agent;
    let peer: Agent;

    beforeAll(async () => {
      const [a, b] = lab.mesh(['a', 'b']);
      if (a === undefined || b === undefined) throw new TypeError('mesh() gave too few hosts');
      const sites = [
        { host: a, endpoint: '192.0.2.1' },
        { host: b, endpoint: null, peer: { exit: 'udp' } },
      ];
      const [first, second] = siteAgents(directory, sites);
      if (first === undefined || second === undefined) throw new TypeError('siteAgents() gave too few');
      [peer, agent, host] = [first, second, b];
      appendFileSync(agent.configFile, RELAY);
      state = await hostState(host);
    });
    afterAll(() => {
      lab.close();
      directory.remove();
    });

    function icx(...args: string[]) {
      const env = { ...process.env, ICX_RUN_DIR: dirname(agent.configFile) };
      const child = host.spawn([...UNPRIVILEGED, process.execPath, MAIN, ...args], { env });
      const ended = once(child, 'exit');
      let text = '';
      child.stderr?.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      return { ended, text: () => text };
    }

    test('is refused an interface', async () => {
      const { ended, text } = icx('up', '--config', agent.configFile);
      expect(await ended).toEqual([1, null]);
      expect(text()).toMatch(/^icx: cannot create the TUN interface .*not permitted/m);
    });

    test('meets its peer without one, changes nothing on the host, and ends when asked', async () => {
      const { ended, text } = icx('up', '--userspace', '--config', agent.configFile);
      peer.start();
      const status = await agent.waitPeers();
      expect(status.interface.addresses).toEqual([]);
      expect(status.networks).toMatchObject([
        { interface: null, addresses: [], relay: { sessions: 0, max_sessions: 9 } },
      ]);
      expect(host.ip('-o link show')).not.toContain(agent.name);
      expect((await agent.admin.reload()).changes).toEqual([]);
      await agent.admin.down();
      expect(await ended).toEqual([0, null]);
      expect(text()).toContain('userspace: addresses are ignored');
      expect(await hostState(host)).toBe(state);
      await peer.stop();
    });
  },
  missingTools(['setpriv']),
);
