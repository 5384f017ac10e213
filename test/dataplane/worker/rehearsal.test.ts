/** The rehearsal runs real traffic, leaves nothing behind, and spares the first packets the compiler. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { CounterBlock } from '../../../dataplane/path/counters.ts';
import type { AeadProvider } from '../../../dataplane/sa/aead.ts';
import { nobleAead } from '../../../dataplane/sa/noble-aead.ts';
import { AF_INET, AF_INET6 } from '../../../dataplane/wire/endpoint.ts';
import { selectAead } from '../../../dataplane/worker/aead-select.ts';
import type { WorkerSetup } from '../../../dataplane/worker/messages.ts';
import { type Offload, selectOffload } from '../../../dataplane/worker/offload-select.ts';
import { rehearse } from '../../../dataplane/worker/rehearsal.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { MAIN, program, requireDist } from '../../support/dist.ts';
import { Lab } from '../../support/netns.ts';
import { tcpSegments } from '../../support/super-packets.ts';
import { pattern } from '../../support/transport-packets.ts';

const ARENA_LEN = 2 << 20;
/** Packets of one round that are sent on, both IP versions together. */
const SENT_PER_ROUND = 106;
/** Of its limit of one second, on a machine that does other things too. */
const PATIENCE_MS = 3_000;

/** Counts what is asked of an AEAD. */
class CountingAead implements AeadProvider {
  readonly name: string;
  readonly #provider: AeadProvider;
  keys = 0;
  sealed = 0;
  opened = 0;

  constructor(provider: AeadProvider) {
    this.#provider = provider;
    this.name = provider.name;
  }

  sealKey(...args: Parameters<AeadProvider['sealKey']>): ReturnType<AeadProvider['sealKey']> {
    const key = this.#provider.sealKey(...args);
    this.keys++;
    return {
      seal: (...packet) => {
        this.sealed++;
        return key.seal(...packet);
      },
      destroy: () => {
        this.keys--;
        key.destroy();
      },
    };
  }

  openKey(...args: Parameters<AeadProvider['openKey']>): ReturnType<AeadProvider['openKey']> {
    const key = this.#provider.openKey(...args);
    this.keys++;
    return {
      open: (...packet) => {
        const isOpen = key.open(...packet);
        if (isOpen) this.opened++;
        return isOpen;
      },
      destroy: () => {
        this.keys--;
        key.destroy();
      },
    };
  }
}

interface Stage {
  readonly arena: Arena;
  readonly aead: CountingAead;
  readonly offload: Offload;
  readonly setup: WorkerSetup;
}

function stage(overrides: { arenaLen?: number; slow?: boolean; socketFamily?: number } = {}): Stage {
  const arena = new Arena(overrides.arenaLen ?? ARENA_LEN);
  const provider = overrides.slow ? nobleAead(arena) : selectAead(arena, arena.base).provider;
  const offloads = { tcp: true, udp: true };
  const setup = {
    queue: 0,
    udpFd: -1,
    sendFd: -1,
    socketFamily: overrides.socketFamily ?? AF_INET,
    offloads,
    wakeFd: -1,
    controlPort: 6_082,
    counters: CounterBlock.allocate(2),
    peerSlots: 2,
    flowHashKey: new Uint8Array(16),
  };
  return { arena, aead: new CountingAead(provider), offload: selectOffload(arena, offloads), setup };
}

const descriptors = () => readdirSync('/proc/self/fd').length;

/** Rehearses, and expects that all is as it was. @returns How long it took, in ms. */
function rehearseTidily({ setup, arena, aead, offload }: Stage): number {
  const before = descriptors();
  // What is taken first lies where the rehearsal's own will.
  const freeAt = arena.borrow(() => arena.take(1));
  const startMs = performance.now();
  rehearse(setup, arena, aead, offload);
  const tookMs = performance.now() - startMs;
  expect(descriptors()).toBe(before);
  expect(arena.take(1)).toBe(freeAt);
  expect(Buffer.from(arena.bytes.subarray(freeAt)).equals(Buffer.alloc(arena.bytes.length - freeAt))).toBe(
    true,
  );
  expect(aead.keys).toBe(0);
  expect(offload.coalescer.flush()).toBe(false);
  expect(offload.coalescer.take()).toBe(false);
  return tookMs;
}

/** Gives packets to a coalescer. @returns What is written for them. */
function joined({ arena, offload }: Stage, packets: readonly Uint8Array[]): Uint8Array[] {
  const { coalescer } = offload;
  const written: Uint8Array[] = [];
  const take = () => {
    while (coalescer.take()) {
      written.push(arena.bytes.slice(coalescer.packetAt - 10, coalescer.packetAt + coalescer.packetLen));
    }
  };
  for (const packet of packets) {
    arena.bytes.set(packet, coalescer.nextAt(packet.length));
    if (coalescer.add(packet.length, 1)) take();
  }
  if (coalescer.flush()) take();
  return written;
}

describe('rehearse()', () => {
  test('sends and receives, and leaves arena, descriptors, keys and coalescer as they were', () => {
    const own = stage();
    rehearseTidily(own);
    expect(own.aead.sealed).toBeGreaterThan(SENT_PER_ROUND);
    // All but the keepalive that ends a pass.
    expect(own.aead.sealed - own.aead.opened).toBeLessThanOrEqual(3);
  });

  test('runs over IPv6 where the queue’s socket is of IPv6', () => {
    const own = stage({ socketFamily: AF_INET6 });
    rehearseTidily(own);
    expect(own.aead.opened).toBeGreaterThan(SENT_PER_ROUND);
  });

  test('leaves a coalescer that joins as a new one does', () => {
    const used = stage();
    const fresh = stage();
    rehearseTidily(used);
    const packets = [
      ...tcpSegments({ payload: pattern(500) }, 100),
      ...tcpSegments({ payload: pattern(300), ports: [1, 2] }, 100),
    ];
    expect(joined(used, packets)).toEqual(joined(fresh, packets));
  });

  test('ends about its limit where AES is slow', () => {
    const own = stage({ slow: true });
    expect(rehearseTidily(own)).toBeLessThan(PATIENCE_MS);
    expect(own.aead.opened).toBeGreaterThan(0);
  });

  test('gives back all that it has when the arena is too small', () => {
    const own = stage({ arenaLen: 700_000 });
    const before = descriptors();
    const freeAt = own.arena.borrow(() => own.arena.take(1));
    expect(() => rehearse(own.setup, own.arena, own.aead, own.offload)).toThrow(RangeError);
    expect(descriptors()).toBe(before);
    expect(own.arena.take(1)).toBe(freeAt);
  });
});

describeHosts('rehearse() in a host', () => {
  const lab = new Lab();
  afterAll(() => lab.close());

  test('does nothing where the loopback interface is down', async () => {
    const host = lab.addHost('r');
    host.ip('link set lo down');
    await host.enter(() => {
      const own = stage();
      expect(rehearseTidily(own)).toBeLessThan(PATIENCE_MS);
      expect(own.aead.opened).toBe(0);
    });
  });

  test('does nothing where loopback has no address', async () => {
    const host = lab.addHost('s');
    host.ip('link set lo up');
    host.ip('addr flush dev lo');
    await host.enter(() => {
      const own = stage();
      expect(rehearseTidily(own)).toBeLessThan(PATIENCE_MS);
      expect(own.aead.opened).toBe(0);
    });
  });
});

describe('the packets after rehearse()', () => {
  interface Thrown {
    readonly name: string;
    /** File and line whose assumption failed; empty for code that V8 only marked. */
    readonly place: string;
  }

  /** Code that V8 threw away, as it tells. */
  function thrownAway(listen: string, spi: number, peer: object, rounds = 30): Thrown[] {
    requireDist();
    const dist = join(dirname(MAIN), '..');
    const argv = [program('rehearsed.mjs'), dist, String(rounds), listen, String(spi), JSON.stringify(peer)];
    const output = execFileSync(process.execPath, argv, { encoding: 'utf8', maxBuffer: 64 << 20 });
    expect(output).toContain(`delivered ${rounds * SENT_PER_ROUND}\n`);
    const eager = /^\[bailout \(kind: .*<JSFunction ?(\S*) \(sfi.*\n(?:.*deoptimize at <([^>]*)>)?/gm;
    const marked = /^\[marking dependent code .*<SharedFunctionInfo ?(\S*)>()/gm;
    return [...output.matchAll(eager), ...output.matchAll(marked)].map(([, name = '', place = '']) => ({
      name,
      place,
    }));
  }

  /**
   * Not of the packets' code: the program's own, its canary among them. And where two routes meet in
   * a hash table, which is drawn by lot, may be seen for the first time.
   */
  const ALLOWED = /rehearsed\.mjs|route\/prefix-table\.js/;

  test.each<[string, string, number, object]>([
    ['of an initiator’s first generation', '127.0.0.1', 0x0000_0001, {}],
    ['of a responder’s', '127.0.0.1', 0x4000_0001, {}],
    ['of a generation whose SPIs are above 2^31', '127.0.0.1', 0xc000_0001, {}],
    ['over IPv6', '::1', 0x4000_0001, {}],
    ['of a peer with a rate limit', '127.0.0.1', 0x4000_0001, { rxRateLimitPps: 1e9 }],
    ['of a peer whose source is validated', '127.0.0.1', 0x4000_0001, { validateSource: true }],
  ])('%s meet no code that V8 throws away', (_, listen, spi, peer) => {
    const thrown = thrownAway(listen, spi, peer);
    expect(thrown.map(({ name }) => name)).toContain('canary');
    expect(thrown.filter(({ place }) => !ALLOWED.test(place))).toEqual([]);
  });
});
