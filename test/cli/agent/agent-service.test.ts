/** What a running agent does when asked. The network below it is a stand-in: the real one is in test/e2e. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AgentService } from '../../../cli/agent/agent-service.ts';
import type { Overlay } from '../../../cli/agent/overlay.ts';
import { PeerTable } from '../../../cli/agent/peer-table.ts';
import { CliError } from '../../../cli/cli-error.ts';
import { loadConfig } from '../../../cli/config/load.ts';
import type { Config } from '../../../cli/config/types.ts';
import { ConfigDir, publicKeyText } from '../config/config-dir.ts';

function toml(settings = '', peers = '', metrics = 'listen = false'): string {
  return `[interface]
name = "icx0"
private_key_file = "own.key"
address = ["10.77.0.1/24"]
vni = 7
${settings}
[metrics]
${metrics}
[[peer]]
name = "b"
public_key = "${publicKeyText(2)}"
endpoint = "192.0.2.2"
allowed_ips = ["10.77.0.2/32"]
${peers}`;
}

describe('AgentService', () => {
  let dir: ConfigDir;
  let file: string;
  let lines: string[];
  const end = vi.fn();
  const apply = vi.fn<(next: Config) => Promise<void>>();
  const rekey = vi.fn();

  beforeEach(() => {
    dir = new ConfigDir();
    file = dir.write('icx0.toml', toml());
    lines = [];
    end.mockReset();
    rekey.mockReset();
    apply.mockReset().mockResolvedValue(undefined);
  });
  afterEach(() => dir.remove());

  function start(ready = true): AgentService {
    const config = loadConfig(file);
    const log = pino({}, { write: (line: string) => lines.push(line) });
    const service = new AgentService(config, file, log, end);
    const network = { apply, control: { rekey }, networks: () => [], peers: new PeerTable(config.networks) };
    if (ready) service.ready(network as unknown as Overlay);
    return service;
  }

  test('keeps the private key in the identity alone', () => {
    const config = loadConfig(file);
    const seed = config.interface.seed.slice();
    const service = new AgentService(config, file, pino({ enabled: false }), end);
    expect(config.interface.seed).toEqual(new Uint8Array(32));
    expect(service.identity.seed).toEqual(seed);
  });

  test('is missing something, and refuses what needs the network, until it is ready', async () => {
    const service = start(false);
    expect(service.missing).toBe('the agent is starting');
    await expect(service.status()).rejects.toMatchObject({ code: 'ERR_ICX_STARTING' });
    await expect(service.rekey([])).rejects.toMatchObject({ code: 'ERR_ICX_STARTING' });
    await expect(service.reload()).rejects.toMatchObject({ code: 'ERR_ICX_STARTING' });
    expect(() => service.l2).toThrow(expect.objectContaining({ code: 'ERR_ICX_STARTING' }));
    expect(() => service.relay).toThrow(expect.objectContaining({ code: 'ERR_ICX_STARTING' }));
    expect(start().missing).toBeNull();
  });

  test('says that it has no relay', async () => {
    await expect(start().relay.relayList({})).rejects.toMatchObject({
      message: 'no network with a relay',
      hint: '[relay] in the config makes one',
      code: 'ERR_ICX_NO_RELAY',
    });
  });

  test('says that it has no L2 network', async () => {
    await expect(start().l2.fdbShow({})).rejects.toMatchObject({ message: 'no L2 network' });
  });

  test('down() and fail() end it with their reason', () => {
    const service = start();
    service.down();
    expect(end).toHaveBeenLastCalledWith('icx down');
    const fault = new CliError('the interface is gone');
    service.fail(fault);
    expect(end).toHaveBeenLastCalledWith('the interface is gone', fault);
  });

  describe('plan()', () => {
    test('tells what a file would change, and changes nothing', async () => {
      const service = start();
      const other = dir.write('other.toml', toml('mtu = 1300\nlisten_port = 7000'));
      const report = await service.plan(other);
      expect(report).toMatchObject({ interface: 'icx0', applied: false });
      expect(report.changes.map(({ subject, needs_restart }) => [subject, needs_restart])).toEqual([
        ['interface', true],
        ['interface', false],
      ]);
      expect(apply).not.toHaveBeenCalled();
      expect(service.config.interface.mtu).toBe('auto');
    });

    test('compares private keys without telling them', async () => {
      const service = start();
      expect((await service.plan(file)).changes).toEqual([]);
      const key = `${Buffer.alloc(32, 9).toString('base64')}\n`;
      dir.write('own.key', key, 0o600);
      const { changes } = await service.plan(file);
      expect(changes).toMatchObject([{ detail: 'private key', needs_restart: true }]);
      expect(JSON.stringify(changes)).not.toContain(key.slice(0, 10));
    });

    test('refuses a file that is wrong, with all its errors', async () => {
      const wrong = dir.write('wrong.toml', toml('vnii = 3\nmtu = true'));
      await expect(start().plan(wrong)).rejects.toMatchObject({
        code: 'ERR_ICX_CONFIG',
        message: expect.stringMatching(/vnii[\s\S]*mtu/),
      });
    });
  });

  describe('reload()', () => {
    test('applies the changed file and has it in force', async () => {
      const service = start();
      dir.write('icx0.toml', `${toml('mtu = 1300', 'keepalive = "25s"')}\n[log]\nlevel = "debug"\n`);
      const report = await service.reload();
      expect(report.applied).toBe(true);
      expect(report.changes).toHaveLength(3);
      expect(apply).toHaveBeenCalledOnce();
      expect(service.config).toMatchObject({ interface: { mtu: 1_300 }, peers: [{ keepaliveMs: 25_000 }] });
      expect(service.log.level).toBe('debug');
      expect((await service.reload()).changes).toEqual([]);
      expect(apply).toHaveBeenCalledOnce();
    });

    test('leaves what needs a restart as it runs, and tells it again', async () => {
      const service = start();
      dir.write(
        'icx0.toml',
        toml('listen_port = 7000\ncontrol_port = 7002\nmtu = 1300', '', 'listen = "127.0.0.1:7003"'),
      );
      const { changes } = await service.reload();
      expect(changes.filter((change) => change.needs_restart)).toHaveLength(3);
      // Rules made for ports that nobody has would cut the control connection off.
      expect(apply.mock.calls[0]?.[0]).toMatchObject({
        interface: { listenPort: 6_081, controlPort: 6_082, mtu: 1_300 },
        metrics: null,
      });
      expect(service.config).toMatchObject({ interface: { listenPort: 6_081, mtu: 1_300 }, metrics: null });
      const again = await service.reload();
      expect(again.changes.map(({ needs_restart }) => needs_restart)).toEqual([true, true, true]);
    });

    test('keeps the config in force when the network refuses, and works the next time', async () => {
      const service = start();
      dir.write('icx0.toml', toml('mtu = 1300'));
      apply.mockRejectedValueOnce(new CliError('no', '', 1, 'ERR_ICX_TEST'));
      await expect(service.reload()).rejects.toMatchObject({ code: 'ERR_ICX_TEST' });
      expect(service.config.interface.mtu).toBe('auto');
      expect((await service.reload()).changes).toHaveLength(1);
      expect(service.config.interface.mtu).toBe(1_300);
    });

    test('changes nothing for a file that is wrong', async () => {
      const service = start();
      dir.write('icx0.toml', toml('vni = 99999999'));
      await expect(service.reload()).rejects.toMatchObject({ code: 'ERR_ICX_CONFIG' });
      expect(apply).not.toHaveBeenCalled();
      expect(service.config.interface.vni).toBe(7);
    });

    test('keeps a network’s mode until the restart, and tells it again', async () => {
      const service = start();
      dir.write('icx0.toml', toml('mode = "l2"'));
      for (let i = 0; i < 2; i++) {
        expect((await service.reload()).changes).toEqual([
          { kind: 'changed', subject: 'interface', detail: 'mode: l3 → l2', needs_restart: true },
        ]);
        expect(service.config.networks).toMatchObject([{ mode: 'l3', switch: null }]);
      }
    });

    test('runs one at a time', async () => {
      const service = start();
      let running = 0;
      let most = 0;
      apply.mockImplementation(async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 10));
        running--;
        dir.write('icx0.toml', toml('mtu = 1350'));
      });
      dir.write('icx0.toml', toml('mtu = 1300'));
      await Promise.all([service.reload(), service.reload(), service.reload()]);
      expect(apply).toHaveBeenCalledTimes(2);
      expect(most).toBe(1);
      expect(service.config.interface.mtu).toBe(1_350);
    });

    test('takes on what the config becomes, and plans by that', async () => {
      const adapt = vi.fn((config: Config) => ({ ...config, log: { level: 'warn' as const } }));
      const config = loadConfig(file);
      const log = pino({}, { write: (line: string) => lines.push(line) });
      const service = new AgentService(config, file, log, end, adapt);
      service.ready({ apply, networks: () => [], peers: new PeerTable([]) } as unknown as Overlay);
      expect((await service.plan(file)).changes).toMatchObject([{ subject: 'log level' }]);
      await service.reload();
      expect(apply.mock.calls[0]?.[0].log.level).toBe('warn');
      expect(adapt).toHaveBeenCalledTimes(2);
    });

    test('leaves no private key in memory but its own', async () => {
      const service = start();
      dir.write('icx0.toml', toml('mtu = 1300'));
      await service.reload();
      expect(apply.mock.calls[0]?.[0].interface.seed).toEqual(new Uint8Array(32));
      expect(service.config.interface.seed).toEqual(new Uint8Array(32));
      expect(service.identity.seed).not.toEqual(new Uint8Array(32));
    });
  });

  describe('hangUp()', () => {
    test('reloads, and logs a refusal instead of throwing', async () => {
      const service = start();
      dir.write('icx0.toml', toml('mtu = 1300'));
      service.hangUp();
      await expect.poll(() => service.config.interface.mtu).toBe(1_300);
      dir.write('icx0.toml', 'not toml');
      service.hangUp();
      await expect.poll(() => lines.join('')).toContain('reload refused');
    });

    test('before the start is over waits for its end', async () => {
      const service = start(false);
      dir.write('icx0.toml', toml('mtu = 1300'));
      service.hangUp();
      service.ready({ apply, control: { rekey }, peers: new PeerTable([]) } as unknown as Overlay);
      await expect.poll(() => service.config.interface.mtu).toBe(1_300);
    });
  });

  describe('rekey()', () => {
    test('asks for peers by name or public key, and reports SPIs and loss', async () => {
      const service = start();
      const result = {
        trigger: 'operator',
        oldSpis: { rx: [1], tx: [0x4000_0001] },
        newSpis: { rx: [2], tx: [0x4000_0002] },
        lostPackets: 0,
        sentPackets: 12,
        durationMs: 34,
      };
      rekey.mockResolvedValue([{ peer: 'b', vni: 7, ok: true, result }]);
      expect(await service.rekey([publicKeyText(2), 'c'])).toEqual({
        interface: 'icx0',
        peers: [
          {
            peer: 'b',
            vni: 7,
            ok: true,
            trigger: 'operator',
            old: { rx: ['00000001'], tx: ['40000001'] },
            new: { rx: ['00000002'], tx: ['40000002'] },
            lost_packets: 0,
            sent_packets: 12,
            duration_ms: 34,
            error: null,
          },
        ],
      });
      expect(rekey).toHaveBeenCalledExactlyOnceWith(['b', 'c']);
    });

    test('reports why one failed', async () => {
      rekey.mockResolvedValue([{ peer: 'b', vni: 7, ok: false, error: new Error('no connection') }]);
      const { peers } = await start().rekey([]);
      expect(peers).toMatchObject([
        { peer: 'b', vni: 7, ok: false, error: 'no connection', lost_packets: null },
      ]);
    });
  });
});
