/** `icx demo`: two agents in two namespaces of this machine, measured, then gone without trace. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DemoAgent, makeKeys } from './demo-agent.ts';
import { DemoLab, HOSTS, type HostName, OVERLAY4, OVERLAY6 } from './lab.ts';
import { measurePing, measureRekey, measureTcp, type PingSummary, probeStarter } from './measurements.ts';
import { DemoReport } from './report.ts';
import { requireDemoPrerequisites } from './requirements.ts';

export interface DemoSettings {
  readonly json?: boolean;
  /** Entry point of the program, which the demo starts in its namespaces. */
  readonly main?: string;
  readonly write?: (text: string) => void;
}

const CONNECT_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;

/**
 * @returns Whether everything worked; all of it has been printed.
 * @throws {CliError} when this machine lacks something that the demo needs.
 */
export async function runDemo(settings: DemoSettings = {}): Promise<boolean> {
  requireDemoPrerequisites();
  const {
    json = false,
    main = process.argv[1] ?? '',
    write = (text) => void process.stdout.write(text),
  } = settings;
  const directory = mkdtempSync(join(tmpdir(), 'icx-demo-'));
  const lab = new DemoLab();
  const cleanUp = () => {
    lab.removeSync();
    rmSync(directory, { recursive: true, force: true });
  };
  const onSignal = (signal: NodeJS.Signals) => {
    cleanUp();
    process.exit(128 + constants.signals[signal]);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  process.on('exit', cleanUp);
  try {
    lab.create();
    const report = new DemoReport(json, write);
    await new Demo(lab, directory, main, report).run(cleanUp);
    report.finish();
    return report.passed;
  } finally {
    cleanUp();
    process.off('exit', cleanUp);
    for (const signal of signals) process.off(signal, onSignal);
  }
}

class Demo {
  readonly #lab: DemoLab;
  readonly #directory: string;
  readonly #main: string;
  readonly #report: DemoReport;
  readonly #agents: Readonly<Record<HostName, DemoAgent>>;

  constructor(lab: DemoLab, directory: string, main: string, report: DemoReport) {
    this.#lab = lab;
    this.#directory = directory;
    this.#main = main;
    this.#report = report;
    const agent = (host: HostName) => new DemoAgent(host, lab, directory, main);
    this.#agents = { a: agent('a'), b: agent('b') };
  }

  async run(cleanUp: () => void): Promise<void> {
    const start = probeStarter(this.#lab, this.#main);
    const done =
      (await this.#step('handshake', 'starting two agents', () => this.#connect())) &&
      (await this.#step('ping IPv4', 'pinging', () => ping(measurePing(start, OVERLAY4.b)))) &&
      (await this.#step('ping IPv6', 'pinging', () => ping(measurePing(start, OVERLAY6.b)))) &&
      (await this.#step('TCP', 'sending as much as fits for 3 s', async () => {
        const tcp = await measureTcp(start);
        return { text: `${tcp.gbit_per_second.toFixed(2)} Gbit/s, one stream`, values: tcp };
      })) &&
      (await this.#step('rekey', 'rotating keys under 40 Mbit/s of UDP', async () => {
        const rekey = await measureRekey(start, this.#agents);
        const { packets_lost: lost, packets_sent: sent } = rekey;
        const times = rekey.rekey_ms.map((ms) => `${Math.round(ms)} ms`).join(', ');
        return { text: `${rekey.rekeys} in ${times}; packets lost: ${lost} of ${sent}`, values: rekey };
      }));
    if (done) await this.#step('removal', 'stopping', () => this.#remove(cleanUp));
  }

  /** One step; the first that fails is the last. */
  async #step(
    name: string,
    doing: string,
    body: () => Promise<{ text: string; values: object }>,
  ): Promise<boolean> {
    this.#report.begin(doing);
    try {
      this.#report.add({ name, passed: true, ...(await body()) });
      return true;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#report.add({ name, passed: false, text, values: null });
      return false;
    }
  }

  async #connect(): Promise<{ text: string; values: object }> {
    const keys = { a: makeKeys(), b: makeKeys() };
    const startedAtMs = performance.now();
    this.#agents.a.start(keys.a, keys.b.publicKey);
    this.#agents.b.start(keys.b, keys.a.publicKey);
    const [a] = await Promise.all(HOSTS.map((host) => this.#agents[host].untilConnected(CONNECT_TIMEOUT_MS)));
    const upSeconds = (performance.now() - startedAtMs) / 1_000;
    const peer = a?.peers[0];
    const handshakeSeconds = peer?.handshake?.duration_seconds ?? 0;
    const how = peer?.hybrid === true ? 'X25519 with ML-KEM-768' : 'X25519';
    return {
      text: `${(handshakeSeconds * 1_000).toFixed(1)} ms (${how}); up ${upSeconds.toFixed(2)} s after the start`,
      values: {
        handshake_seconds: handshakeSeconds,
        up_seconds: upSeconds,
        hybrid: peer?.hybrid ?? null,
        suite: peer?.suite,
        aead: a?.interface.aead,
        carrier: a?.interface.control.carrier,
      },
    };
  }

  /** The agents must leave nothing behind by themselves, and the demo neither. */
  async #remove(cleanUp: () => void): Promise<{ text: string; values: object }> {
    const times = await Promise.all(HOSTS.map((host) => this.#agents[host].stop(STOP_TIMEOUT_MS)));
    const leftovers = HOSTS.flatMap((host) => this.#lab.leftovers(host));
    const sockets = HOSTS.map((host) => join(this.#directory, `${this.#agents[host].name}.sock`)).filter(
      existsSync,
    );
    if (leftovers.length + sockets.length > 0) {
      throw new Error(`the agents left behind: ${[...leftovers, ...sockets].join('; ')}`);
    }
    cleanUp();
    const slowestMs = Math.max(...times);
    return {
      text: `agents ended in ${Math.round(slowestMs)} ms and left nothing behind`,
      values: { stop_seconds: slowestMs / 1_000 },
    };
  }
}

async function ping(measured: Promise<PingSummary>): Promise<{ text: string; values: object }> {
  const summary = await measured;
  const { received, sent, median_ms: median, max_ms: max } = summary;
  return {
    text: `${received} of ${sent}, median ${median.toFixed(2)} ms, slowest ${max.toFixed(2)} ms`,
    values: summary,
  };
}
