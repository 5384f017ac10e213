import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RelayApi } from '../../../cli/admin-relay-api.ts';
import { type AdminSocket, openAdminSocket } from '../../../cli/admin-socket.ts';
import { CliError, Exit } from '../../../cli/cli-error.ts';
import { renderRelay } from '../../../cli/relay-text.ts';
import { fakeAttachments } from '../fake-attachments.ts';
import { FakeCli } from '../fake-context.ts';
import { fakeL2 } from '../fake-l2.ts';
import { fakeRelay, SESSIONS } from '../fake-relay.ts';

let cli: FakeCli;
let sockets: AdminSocket[];
beforeEach(() => {
  cli = new FakeCli();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) await socket.close();
  cli.remove();
});

async function agent(name: string, relay: RelayApi): Promise<void> {
  const never = () => Promise.reject(new Error('not asked for'));
  const api = { status: never, rekey: never, reload: never, plan: never, down: () => undefined };
  const info = { interface: name, pid: process.pid, version: '0' };
  sockets.push(
    await openAdminSocket({
      info,
      api: { ...api, l2: fakeL2(), relay, attachments: fakeAttachments() },
      dir: cli.runDir,
    }),
  );
}

describe('icx relay list', () => {
  test('prints a table, or JSON', async () => {
    await agent('icx0', fakeRelay());
    const text = renderRelay(SESSIONS, false);
    expect(await cli.run(['relay', 'list'])).toEqual({ exit: 0, stdout: text, stderr: '' });
    const { exit, stdout } = await cli.run(['relay', 'list', '--json']);
    expect([exit, JSON.parse(stdout)]).toEqual([0, SESSIONS]);
  });

  test('asks the agent that is named, either way, for the network that is named', async () => {
    const [first, second]: [unknown[], unknown[]] = [[], []];
    await agent('icx0', fakeRelay(first));
    await agent('icx1', fakeRelay(second));
    await cli.run(['relay', 'list', 'icx1']);
    await cli.run(['relay', 'list', '--interface', 'icx1', '--network', '8']);
    expect([first, second]).toEqual([[], [{}, { network: '8' }]]);
    expect(await cli.run(['relay', 'list'])).toMatchObject({ exit: 2, stdout: '' });
  });

  test('fails when no agent runs, and when it has no relay', async () => {
    expect((await cli.run(['relay', 'list'])).exit).toBe(1);
    const none = new CliError('no relay', '[relay] makes one', Exit.failed, 'ERR_ICX_NO_RELAY');
    await agent('icx0', { relayList: () => Promise.reject(none) });
    const stderr = 'icx: no relay; [relay] makes one\n';
    expect(await cli.run(['relay', 'list'])).toEqual({ exit: 1, stdout: '', stderr });
  });
});
