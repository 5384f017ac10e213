/** What an agent tells of itself: status by its schema, metrics by their names, no secret anywhere. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Agent, AgentDirectory } from '../support/agent.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { type Family, fetchText, parseExposition } from '../support/exposition.ts';
import { schemaProblems } from '../support/json-schema.ts';
import { overlay4, overlay6 } from '../support/mesh.ts';
import { Lab, type Namespace } from '../support/netns.ts';
import { findSecrets, secretForms } from '../support/secrets.ts';
import { type Site, siteAgents, writeSiteConfig } from '../support/sites.ts';
import { ping } from '../support/traffic.ts';

const METRICS = '127.0.0.1:6083';
const NETWORK = ['interface', 'vni'];
const PEER = [...NETWORK, 'peer'];
const SA = [...PEER, 'direction', 'lane'];

/** Every metric with its type and labels: dashboards are made of these. */
const PROMISED: Readonly<Record<string, readonly [type: string, labels: readonly string[]]>> = {
  icx_rx_packets_total: ['counter', PEER],
  icx_rx_bytes_total: ['counter', PEER],
  icx_tx_packets_total: ['counter', PEER],
  icx_tx_bytes_total: ['counter', PEER],
  icx_received_packets_total: ['counter', [...NETWORK, 'direction']],
  icx_delivered_packets_total: ['counter', [...NETWORK, 'direction']],
  icx_drops_total: ['counter', [...NETWORK, 'direction', 'reason']],
  icx_keepalives_total: ['counter', [...NETWORK, 'direction']],
  icx_queue_packets_total: ['counter', [...NETWORK, 'queue', 'direction']],
  icx_rekeys_total: ['counter', [...NETWORK, 'trigger', 'result']],
  icx_rekey_lost_packets_total: ['counter', NETWORK],
  icx_handshake_duration_seconds: ['histogram', NETWORK],
  icx_peer_up: ['gauge', PEER],
  icx_peer_last_handshake_timestamp_seconds: ['gauge', PEER],
  icx_peer_last_rx_timestamp_seconds: ['gauge', PEER],
  icx_peer_rtt_seconds: ['gauge', PEER],
  icx_peer_path_mtu_bytes: ['gauge', PEER],
  icx_peer_announced_routes: ['gauge', [...PEER, 'state']],
  icx_sa_age_seconds: ['gauge', SA],
  icx_sa_budget_used_ratio: ['gauge', SA],
  icx_attachments: ['gauge', NETWORK],
  icx_attachment_duration_seconds: ['histogram', [...NETWORK, 'operation', 'result']],
  icx_start_time_seconds: ['gauge', NETWORK],
  icx_build_info: ['gauge', [...NETWORK, 'version', 'node', 'aead', 'carrier']],
};

const RX_REASONS =
  'malformed unknown_vni bad_peer missing_option unknown_option unknown_spi expired_sa spi_mismatch ' +
  'rate_limited auth_failed replay inner_malformed inner_source inner_destination';
const TX_REASONS = 'no_route no_sa budget too_large';

describe('findSecrets()', () => {
  test('finds a planted key in every form', () => {
    const base64 = randomBytes(32).toString('base64');
    for (const [form, text] of secretForms(base64)) {
      const place = form.endsWith('bytes') ? Buffer.from(`x${text}x`, 'latin1') : `x${text}x`;
      expect(findSecrets({ key: base64 }, { place })).toContain(`key: ${form} in place`);
    }
    expect(findSecrets({ key: base64 }, { place: randomBytes(4_096).toString('base64') })).toEqual([]);
  });
});

describe('schemaProblems()', () => {
  test('finds what is missing, too much, or of another type', () => {
    const schema = {
      type: 'object',
      properties: { a: { type: 'integer', minimum: 1 } },
      required: ['a'],
      additionalProperties: false,
    };
    expect(schemaProblems(schema, { a: 1 })).toEqual([]);
    expect(schemaProblems(schema, { a: 0 })).toEqual(['$.a: is below 1']);
    expect(schemaProblems(schema, { a: 'x' })).toEqual(['$.a: is no integer']);
    expect(schemaProblems(schema, { b: 1 })).toEqual(['$.a: is missing', '$.b: nothing is allowed here']);
    expect(schemaProblems({ type: ['string', 'null'] }, 1)).toEqual(['$: is no string,null']);
    expect(() => schemaProblems({ oneOf: [] }, 1)).toThrow('oneOf');
  });
});

describeHosts('what an agent tells of itself', () => {
  const lab = new Lab();
  const directory = new AgentDirectory();
  const [a, b] = [lab.addHost('a'), lab.addHost('b')];
  const psks = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
  const sites = (psk: string): Site[] =>
    [a, b].map((host, index) => ({
      host,
      endpoint: `192.0.2.${index + 1}`,
      peer: { preshared_key: psk, keepalive: '300ms' },
      metrics: { listen: METRICS },
      log: { level: 'trace' },
    }));
  let agents: readonly Agent[] = [];
  let first: Agent;

  beforeAll(async () => {
    lab.link(a, b, { addresses: [['192.0.2.1/24'], ['192.0.2.2/24']] });
    agents = siteAgents(directory, sites(psks[0] ?? ''));
    if (agents[0] === undefined) throw new TypeError('two agents expected');
    first = agents[0];
    for (const agent of agents) agent.start();
    await Promise.all(agents.map((agent) => agent.waitPeers()));
    for (const address of [overlay4(1), overlay6(1)]) expect((await ping(a, address)).received).toBe(5);
  });
  afterAll(() => {
    lab.close();
    directory.remove();
  });

  test('`icx status --json` keeps to the schema that `icx status --schema` prints', async () => {
    const schema: unknown = JSON.parse((await first.cli('status', '--schema')).stdout);
    const { code, stdout } = await first.cli('status', first.name, '--json');
    expect(code).toBe(0);
    const status = JSON.parse(stdout) as Record<string, unknown>;
    expect(status.version).toBe(1);
    expect(schemaProblems(schema, status)).toEqual([]);
    expect(schemaProblems(schema, { ...status, version: 2 })).toEqual(['$.version: is not 1']);
    expect(schemaProblems(schema, { ...status, secret: 'x' })).toEqual(['$.secret: nothing is allowed here']);
    // Agents of before the first Layer 2 network do not say which there are.
    for (const name of Object.keys(status).filter((key) => key !== 'networks')) {
      const { [name]: _, ...rest } = status;
      expect(schemaProblems(schema, rest)).toEqual([`$.${name}: is missing`]);
    }
  });

  test('names, types and labels of all metrics are the promised ones', async () => {
    const [contentType, ...lines] = (await fetchText(first, `http://${METRICS}/metrics`)).split('\n');
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    const families = parseExposition(lines.join('\n'));
    // Those of switches and ports have no samples here.
    const sampled = [...families].flatMap(([name, { samples }]) => (samples.length > 0 ? [name] : []));
    expect(sampled.sort()).toEqual(Object.keys(PROMISED).sort());
    for (const [name, [type, labels]] of Object.entries(PROMISED)) {
      const family = families.get(name);
      expect({ name, type: family?.type }).toEqual({ name, type });
      expect({ name, help: family?.help }).not.toEqual({ name, help: '' });
      expect({ name, labels: labelsOf(family) }).toEqual({ name, labels: [[...labels].sort().join()] });
    }
    expectReasons(families);
    expectSensible(families);
  });

  test('health and readiness answer', async () => {
    for (const path of ['healthz', 'readyz']) {
      expect(await fetchText(first, `http://${METRICS}/${path}`)).toMatch(
        /^text\/plain; charset=utf-8\nok\n$/,
      );
    }
  });

  test('no secret is in status, metrics, log, process list, or any answer of the admin socket', async () => {
    const secrets = {
      'private key': first.keys.privateKey,
      'preshared key': psks[0] ?? '',
      'next preshared key': psks[1] ?? '',
    };
    const outputs: Record<string, string | Buffer> = {
      status: (await first.cli('status', first.name)).stdout,
      'status --json': (await first.cli('status', '--json')).stdout,
      metrics: await fetchText(first, `http://${METRICS}/metrics`),
      ...processList(first.host),
    };
    const socket = join(dirname(first.configFile), `${first.name}.sock`);
    for (const [route, body] of adminRequests(first.configFile))
      outputs[route] = await ask(socket, route, body);
    for (const [index, agent] of agents.entries()) {
      writeSiteConfig(agents, sites(psks[1] ?? ''), agent, index);
    }
    expect(findSecrets(secrets, { config: readFileSync(first.configFile) })).not.toEqual([]);
    const check = await first.cli('check', first.configFile);
    outputs.check = check.stdout + check.stderr;
    expect(check.stdout).toMatch(/preshared/);
    for (const agent of agents) {
      const reload = await agent.cli('reload', agent.name);
      expect(reload.code).toBe(0);
      outputs[`reload of ${agent.name}`] = reload.stdout + reload.stderr;
    }
    await first.waitPeers([], 20_000);
    outputs.log = agents.map((agent) => agent.log).join('');
    expect(outputs.log.length).toBeGreaterThan(500);
    expect(findSecrets(secrets, outputs)).toEqual([]);
  });
});

function adminRequests(configFile: string): [route: string, body: string][] {
  return [
    ['GET /v1/agent', ''],
    ['GET /v1/status', ''],
    ['POST /v1/rekey', '{}'],
    ['POST /v1/rekey', '{"peers":["nobody"]}'],
    ['POST /v1/plan', JSON.stringify({ file: configFile })],
    ['POST /v1/plan', JSON.stringify({ file: join(dirname(configFile), 'key') })],
    ['POST /v1/reload', '{}'],
    ['GET /v1/config', ''],
    ['POST /v1/rekey', '{"peers":'],
  ];
}

/** The answer as it came, headers included. */
function ask(socketPath: string, route: string, body: string): Promise<string> {
  const [method, path] = route.split(' ');
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path }, (answer) => {
      let text = JSON.stringify(answer.rawHeaders);
      answer.setEncoding('latin1').on('data', (piece: string) => {
        text += piece;
      });
      answer.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What `ps axeww` and the like show of the processes in a host. */
function processList(host: Namespace): Record<string, Buffer> {
  const pids = host.pids();
  expect(pids.length).toBeGreaterThan(0);
  return Object.fromEntries(
    pids.flatMap((pid) =>
      ['cmdline', 'environ', 'comm', 'status'].map((file) => [
        `${file} of ${pid}`,
        readFileSync(`/proc/${pid}/${file}`),
      ]),
    ),
  );
}

function labelsOf(family: Family | undefined): string[] {
  const sets = (family?.samples ?? []).map(({ labels }) =>
    Object.keys(labels)
      .filter((label) => label !== 'le')
      .sort()
      .join(),
  );
  return [...new Set(sets)];
}

function expectReasons(families: ReadonlyMap<string, Family>): void {
  const samples = families.get('icx_drops_total')?.samples ?? [];
  for (const [direction, reasons] of [
    ['rx', RX_REASONS],
    ['tx', TX_REASONS],
  ]) {
    const known = samples
      .filter(({ labels }) => labels.direction === direction)
      .map(({ labels }) => labels.reason);
    expect(known).toEqual(expect.arrayContaining((reasons ?? '').split(' ')));
    expect(new Set(known).size).toBe(known.length);
  }
}

function expectSensible(families: ReadonlyMap<string, Family>): void {
  const one = (name: string, labels: Readonly<Record<string, string>> = {}) => {
    const found = (families.get(name)?.samples ?? []).filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    expect({ name, samples: found.length }).toEqual({ name, samples: 1 });
    return found[0]?.value ?? Number.NaN;
  };
  const nowSeconds = Date.now() / 1_000;
  expect(one('icx_peer_up', { peer: 's2' })).toBe(1);
  for (const name of [
    'icx_peer_last_handshake_timestamp_seconds',
    'icx_peer_last_rx_timestamp_seconds',
    'icx_start_time_seconds',
  ]) {
    expect(Math.abs(nowSeconds - one(name))).toBeLessThan(60);
  }
  expect(one('icx_peer_path_mtu_bytes')).toBe(1424);
  expect(one('icx_peer_rtt_seconds')).toBeLessThan(1);
  expect(one('icx_sa_age_seconds', { direction: 'tx', lane: '0' })).toBeLessThan(60);
  expect(one('icx_sa_budget_used_ratio', { direction: 'tx', lane: '0' })).toBeLessThan(0.001);
  expect(one('icx_build_info')).toBe(1);
}
