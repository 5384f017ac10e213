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
import type { Carried, WorkerSetup } from '../../../dataplane/worker/messages.ts';
import { type Offload, selectOffload } from '../../../dataplane/worker/offload-select.ts';
import { rehearse } from '../../../dataplane/worker/rehearsal.ts';
import { describeHosts } from '../../support/describe-hosts.ts';
import { MAIN, program, requireDist } from '../../support/dist.ts';
import { Lab } from '../../support/netns.ts';
import { tcpSegments } from '../../support/super-packets.ts';
import { pattern } from '../../support/transport-packets.ts';

const ARENA_LEN = 2 << 20;
const PACKETS: Carried = { packets: true, frames: false };
const FRAMES: Carried = { packets: false, frames: true };
const BOTH: Carried = { packets: true, frames: true };
/** Of the packets after it. */
const ROUNDS = 30;
/** Packets of one round that are sent on, both IP versions together. */
const SENT_PER_ROUND = 106;
const FRAMES_PER_ROUND = 104;
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

interface StageOptions {
  readonly arenaLen?: number;
  readonly slow?: boolean;
  readonly socketFamily?: number;
  readonly carries?: Carried;
}

function stage(overrides: StageOptions = {}): Stage {
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
    carries: overrides.carries ?? PACKETS,
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

  test.each<[string, Carried]>([
    ['frames', FRAMES],
    ['both kinds', BOTH],
  ])('sends and receives %s, and leaves all as it was', (_, carries) => {
    const own = stage({ carries });
    rehearseTidily(own);
    expect(own.aead.sealed).toBeGreaterThan(SENT_PER_ROUND);
    expect(own.aead.opened).toBeGreaterThan(SENT_PER_ROUND);
  });

  test('does nothing for an agent that begins with no network', () => {
    const own = stage({ carries: { packets: false, frames: false } });
    rehearseTidily(own);
    expect(own.aead.sealed).toBe(0);
  });

  test.each<[string, Carried]>([
    ['packets', PACKETS],
    ['frames', FRAMES],
  ])('leaves a coalescer that joins as a new one does, after %s', (_, carries) => {
    const used = stage({ carries });
    const fresh = stage();
    rehearseTidily(used);
    const packets = [
      ...tcpSegments({ payload: pattern(500) }, 100),
      ...tcpSegments({ payload: pattern(300), ports: [1, 2] }, 100),
    ];
    expect(joined(used, packets)).toEqual(joined(fresh, packets));
  });

  test.each<[string, Carried]>([
    ['packets', PACKETS],
    ['both kinds', BOTH],
  ])('ends about its limit where AES is slow, with %s', (_, carries) => {
    const own = stage({ slow: true, carries });
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
  function thrownAway(name: string, ...args: readonly (string | number | object)[]): Thrown[] {
    requireDist();
    const dist = join(dirname(MAIN), '..');
    const texts = args.map((arg) => (typeof arg === 'object' ? JSON.stringify(arg) : String(arg)));
    const argv = [program(name), dist, String(ROUNDS), ...texts];
    const output = execFileSync(process.execPath, argv, { encoding: 'utf8', maxBuffer: 64 << 20 });
    // A switch asks which packets are a control connection's, but not which nobody has keys for.
    const perRound = name === 'rehearsed.mjs' ? SENT_PER_ROUND : FRAMES_PER_ROUND;
    expect(output).toContain(`delivered ${ROUNDS * perRound}\n`);
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
  const ALLOWED = /rehearsed(-frames)?\.mjs|route\/prefix-table\.js/;

  /** What only the rehearsal calls: when it is over, what its code refers to may be collected. */
  const REHEARSAL_ONLY = 'send';

  function expectNoneBut(thrown: readonly Thrown[]): void {
    expect(thrown.map(({ name }) => name)).toContain('canary');
    const others = thrown.filter(({ name, place }) => place !== '' || name !== REHEARSAL_ONLY);
    expect(others.filter(({ place }) => !ALLOWED.test(place))).toEqual([]);
  }

  test.each<[string, string, number, object, Carried]>([
    ['of an initiator’s first generation', '127.0.0.1', 0x0000_0001, {}, PACKETS],
    ['of a responder’s', '127.0.0.1', 0x4000_0001, {}, PACKETS],
    ['of a generation whose SPIs are above 2^31', '127.0.0.1', 0xc000_0001, {}, PACKETS],
    ['over IPv6', '::1', 0x4000_0001, {}, PACKETS],
    ['of a peer with a rate limit', '127.0.0.1', 0x4000_0001, { rxRateLimitPps: 1e9 }, PACKETS],
    ['of a peer whose source is validated', '127.0.0.1', 0x4000_0001, { validateSource: true }, PACKETS],
    ['of an agent with Ethernet networks too', '127.0.0.1', 0x4000_0001, {}, BOTH],
  ])('%s meet no code that V8 throws away', (_, listen, spi, peer, carries) => {
    expectNoneBut(thrownAway('rehearsed.mjs', listen, spi, peer, carries));
  });

  test.each<[string, number, Carried]>([
    ['an Ethernet network', 0x0000_0001, FRAMES],
    ['an Ethernet network beside others', 0x4000_0001, BOTH],
    ['an Ethernet network whose SPIs are above 2^31', 0xc000_0001, FRAMES],
  ])('of %s meet no code that V8 throws away', (_, spi, carries) => {
    expectNoneBut(thrownAway('rehearsed-frames.mjs', spi, carries));
  });
});
