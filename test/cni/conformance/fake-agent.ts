/** The agent's side of the admin socket, real but for the kernel: requests and answers are held against the schemas. */
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { dirname } from 'node:path';
import type { z } from 'zod';
import {
  ATTACH,
  ATTACHED,
  ATTACHMENT_LIST,
  type Attach,
  type Attached,
  CHECKED,
  DETACH,
  DETACHED,
  GC,
  GC_REPORT,
  LIST,
  READINESS,
  READY,
  type Readiness,
} from '../../../cni/attach-api.ts';
import { ATTACH_PATH } from '../../../cni/attach-protocol.ts';

export const HOST_MAC = '02:00:00:00:00:01';
export const CONTAINER_MAC = '02:00:00:00:00:02';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

type Path = (typeof ATTACH_PATH)[keyof typeof ATTACH_PATH];

export class FakeAgent {
  /** Every request: the last word of its path, then its body. */
  readonly asked: [string, unknown][] = [];
  readonly attachments = new Map<string, Attach & { readonly attached: Attached }>();
  /** By the last word of the path: answered instead. */
  readonly failures = new Map<string, Failure>();
  /** What CHECK finds beyond the attachment. */
  differences: string[] = [];
  readiness: Readiness = { ready: true, reason: '', limited: false };
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(path: string): Promise<FakeAgent> {
    mkdirSync(dirname(path), { recursive: true });
    const server = createServer();
    const agent = new FakeAgent(server);
    server.on('request', async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
      const { status, body } = agent.#answer(incoming.url ?? '', Buffer.concat(chunks).toString('utf8'));
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(body));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    return agent;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(url: string, text: string): { status: number; body: unknown } {
    const word = url.slice(url.lastIndexOf('/') + 1);
    const route = this.#routes[url as Path];
    if (route === undefined) return { status: 404, body: { error: { code: 'X', message: url, hint: '' } } };
    const json: unknown = JSON.parse(text);
    this.asked.push([word, json]);
    const failure = this.failures.get(word);
    if (failure !== undefined) return { status: 500, body: { error: failure } };
    return { status: 200, body: route(json) };
  }

  readonly #routes: Readonly<Record<Path, (json: unknown) => unknown>> = {
    [ATTACH_PATH.attach]: route(ATTACH, ATTACHED, (request) => this.#attach(request)),
    [ATTACH_PATH.detach]: route(DETACH, DETACHED, (request) => ({
      removed: this.attachments.delete(keyOf(request)),
    })),
    [ATTACH_PATH.check]: route(ATTACH, CHECKED, (request) => {
      const gone = this.attachments.has(keyOf(request)) ? [] : ['there is no such attachment'];
      return { differences: [...gone, ...this.differences] };
    }),
    [ATTACH_PATH.gc]: route(GC, GC_REPORT, ({ confName, valid }) => {
      const keys = new Set(valid.map((container) => keyOf({ confName, ...container })));
      const removed = [...this.attachments.values()].filter(
        (attachment) => attachment.confName === confName && !keys.has(keyOf(attachment)),
      );
      for (const attachment of removed) this.attachments.delete(keyOf(attachment));
      return { removed: removed.map(({ containerId, ifname }) => ({ containerId, ifname })) };
    }),
    [ATTACH_PATH.ready]: route(READY, READINESS, () => this.readiness),
    [ATTACH_PATH.list]: route(LIST, ATTACHMENT_LIST, ({ confName }) => ({
      attachments: [...this.attachments.values()]
        .filter((attachment) => confName === undefined || attachment.confName === confName)
        .map(({ attached, mac: _, mtu: __, ...request }) => ({ ...request, network: 'pods', ...attached })),
    })),
  };

  #attach(request: Attach): Attached {
    const attached: Attached = {
      hostInterface: { name: `icx${this.attachments.size}`, mac: HOST_MAC },
      containerInterface: {
        name: request.ifname,
        mac: request.mac ?? CONTAINER_MAC,
        mtu: request.mtu ?? 1372,
        sandbox: request.netns,
      },
      ips: request.ips,
      routes: request.routes,
    };
    this.attachments.set(keyOf(request), { ...request, attached });
    return attached;
  }
}

/** Throws on what the schemas do not allow: the caller of the fake sees a broken connection. */
function route<Q extends z.ZodType, A extends z.ZodType>(
  request: Q,
  answer: A,
  handle: (request: z.output<Q>) => z.input<A>,
): (json: unknown) => unknown {
  return (json) => answer.parse(handle(request.parse(json)));
}

function keyOf(key: { confName: string; containerId: string; ifname: string }): string {
  return `${key.confName}/${key.containerId}/${key.ifname}`;
}
