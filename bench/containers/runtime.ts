/** Does what a container runtime does: makes namespaces and starts the plugin, or asks the agent directly. */
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { makeKeys } from '../../cli/demo/demo-agent.ts';
import { finish, type Site } from '../end-to-end/site.ts';

const CLI = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const PLUGIN = fileURLToPath(new URL('../../cni/main.js', import.meta.url));
const AGENT = 'bench-a';
const UP_TIMEOUT_MS = 20_000;

export type Mode = 'l2' | 'l3';

/** Namespaces of containers that go with the process. */
export class Spaces {
  readonly #names: string[] = [];
  readonly #onExit = () => this.close();

  constructor() {
    process.once('exit', this.#onExit);
  }

  /** @returns The path. */
  make(): string {
    const name = `icxb-${process.pid}-${this.#names.length}`;
    execFileSync('ip', ['netns', 'add', name]);
    this.#names.push(name);
    return `/run/netns/${name}`;
  }

  close(): void {
    process.off('exit', this.#onExit);
    const commands = this.#names.splice(0).map((name) => `netns del ${name}\n`);
    execFileSync('ip', ['-force', '-batch', '-'], { input: commands.join('') });
  }
}

/** One agent without reachable peers in host a, and its containers. */
export class Runtime {
  readonly #site: Site;
  readonly #mode: Mode;
  readonly #socket: string;

  constructor(site: Site, mode: Mode) {
    this.#site = site;
    this.#mode = mode;
    this.#socket = site.file(`${AGENT}.sock`);
    const key = site.write('a.key', `${makeKeys().privateKey}\n`);
    const config = site.write('a.toml', configOf(mode, key));
    site.start('a', [process.execPath, CLI, 'up', '--config', config], { ICX_RUN_DIR: site.directory });
  }

  async untilReady(): Promise<void> {
    const endAtMs = performance.now() + UP_TIMEOUT_MS;
    for (;;) {
      const answer = await this.#post('ready', {}).catch(() => ({ ready: false }));
      if ((answer as { ready?: boolean }).ready === true) return;
      if (performance.now() > endAtMs) throw new Error('the agent does not become ready');
    }
  }

  /** ADD or DEL by the plugin. @returns Milliseconds, with the start of its process. */
  async plugin(verb: 'ADD' | 'DEL', id: string, netns: string): Promise<number> {
    const startedAtMs = performance.now();
    const child = this.#site.lab.spawn(
      'a',
      [
        'env',
        `ICX_RUN_DIR=${this.#site.directory}`,
        `CNI_COMMAND=${verb}`,
        `CNI_CONTAINERID=${id}`,
        'CNI_IFNAME=eth0',
        `CNI_NETNS=${netns}`,
        'CNI_PATH=/nowhere',
        process.execPath,
        PLUGIN,
      ],
      ['pipe', 'pipe', 'pipe'],
    );
    child.stdin?.end(JSON.stringify(networkOf(this.#mode, this.#site.file('leases'))));
    const { code, stdout } = await finish(child, 60_000);
    if (code !== 0) throw new Error(`${verb}: ${stdout}`);
    return performance.now() - startedAtMs;
  }

  /** @param number Of the container, which gives it its address. @returns Milliseconds. */
  async attach(number: number, netns: string): Promise<number> {
    const startedAtMs = performance.now();
    const address = `10.99.${128 + (number >> 8)}.${number & 255}/16`;
    await this.#post('attach', {
      ...keyOf(number),
      netns,
      ips: [{ address, gateway: '10.99.0.1' }],
      routes: [{ dst: '0.0.0.0/0' }],
      portMappings: [],
      masquerade: true,
    });
    return performance.now() - startedAtMs;
  }

  async detach(number: number): Promise<number> {
    const startedAtMs = performance.now();
    await this.#post('detach', keyOf(number));
    return performance.now() - startedAtMs;
  }

  #post(verb: string, body: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const path = `/v1/attachments/${verb}`;
      const outgoing = request(
        { socketPath: this.#socket, method: 'POST', path, agent: false },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () =>
            response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text)),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify(body));
    });
  }
}

function keyOf(number: number): object {
  return { confName: 'bench', containerId: `direct${number}`, ifname: 'eth0' };
}

function configOf(mode: Mode, keyFile: string): string {
  return `[interface]
name = "${AGENT}"
private_key_file = "${keyFile}"
address = ["10.99.255.254/16"]
${mode === 'l2' ? 'mode = "l2"\n' : ''}
[metrics]
listen = false
`;
}

function networkOf(mode: Mode, dataDir: string): object {
  return {
    cniVersion: '1.1.0',
    name: `bench-${mode}`,
    type: 'icx-cni',
    ipMasq: true,
    ipam: {
      dataDir,
      subnet: '10.99.0.0/16',
      rangeEnd: '10.99.127.255',
      routes: [{ dst: '0.0.0.0/0' }],
    },
  };
}
