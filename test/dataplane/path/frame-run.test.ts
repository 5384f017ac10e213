/** Which frames count as like the last one, and that whatever a frame is judged by ends a run. */
import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../../../dataplane/contract.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { FrameRun } from '../../../dataplane/path/frame-run.ts';
import { parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { SEALED_HEADER_LEN, SEALED_NONCE_AT, TAG_LEN } from '../../../dataplane/wire/geneve.ts';
import { craftFrame, type FrameFields } from './frames.ts';
import { Host, KEY_B, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket } from './packets.ts';

const LIFETIME = 60_000;
const STRANGER: Endpoint = { address: '198.51.100.66', port: 6_081 };
const STRANGER6: Endpoint = { address: '2001:db8::66', port: 6_081 };
const INNER = ipPacket({ src: '10.77.0.2', dst: '10.77.0.1' });
const INNER6 = ipPacket({ src: 'fd77::2', dst: 'fd77::1' });
/** Bits of the header before the counter: a frame whose others differ is of the same run. */
const JUDGED_BITS = (SEALED_NONCE_AT + 4) * 8;

describe('FrameRun', () => {
  const At = { first: 0, second: 64, source: 128, other: 160 } as const;

  function memory(): { view: DataView; bytes: Uint8Array; run: FrameRun } {
    const bytes = new Uint8Array(256);
    const frame = craftFrame(INNER).subarray(0, SEALED_HEADER_LEN);
    bytes.set(frame, At.first);
    bytes.set(frame, At.second);
    const view = new DataView(bytes.buffer);
    for (const at of [At.source, At.other]) writeEndpoint(view, at, parseEndpoint(STRANGER6));
    return { view, bytes, run: new FrameRun(view) };
  }

  const flip = (bytes: Uint8Array, at: number, bit: number) => {
    bytes[at + (bit >> 3)] = (bytes[at + (bit >> 3)] ?? 0) ^ (0x80 >> (bit & 7));
  };

  test('isLike() is false before anything began, whatever the version', () => {
    const { run } = memory();
    for (const version of [0, 1, 7]) expect(run.isLike(At.first, At.source, version)).toBe(false);
  });

  test('isLike() compares every bit up to the counter, and none of the counter', () => {
    const { run, bytes } = memory();
    run.begin(At.first, At.source, SEALED_HEADER_LEN, At.first + SEALED_NONCE_AT, 3);
    expect(run.isLike(At.second, At.other, 3)).toBe(true);
    for (let bit = 0; bit < SEALED_HEADER_LEN * 8; bit++) {
      flip(bytes, At.second, bit);
      expect([bit, run.isLike(At.second, At.other, 3)]).toEqual([bit, bit >= JUDGED_BITS]);
      flip(bytes, At.second, bit);
    }
  });

  test('isLike() compares every bit of the source', () => {
    const { run, bytes } = memory();
    run.begin(At.first, At.source, SEALED_HEADER_LEN, At.first + SEALED_NONCE_AT, 3);
    for (let bit = 0; bit < 20 * 8; bit++) {
      flip(bytes, At.other, bit);
      expect([bit, run.isLike(At.second, At.other, 3)]).toEqual([bit, false]);
      flip(bytes, At.other, bit);
    }
  });

  test('isLike() is false for another version, also an earlier one', () => {
    const { run } = memory();
    run.begin(At.first, At.source, SEALED_HEADER_LEN, At.first + SEALED_NONCE_AT, 3);
    expect([2, 3, 4].map((version) => run.isLike(At.second, At.other, version))).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('isLike() compares with what the frame was, not with what lies there now', () => {
    const { run, bytes } = memory();
    run.begin(At.first, At.source, SEALED_HEADER_LEN, At.first + SEALED_NONCE_AT, 3);
    bytes.fill(0xee, At.first, At.first + SEALED_HEADER_LEN);
    bytes.fill(0xee, At.source, At.source + 20);
    expect(run.isLike(At.second, At.other, 3)).toBe(true);
    expect(run.isLike(At.first, At.source, 3)).toBe(false);
  });

  test.each([
    ['a longer header', SEALED_HEADER_LEN + 4, SEALED_NONCE_AT],
    ['the nonce elsewhere', SEALED_HEADER_LEN, SEALED_NONCE_AT - 8],
  ])('begin() with %s ends the run and begins none', (_, headerLen, nonceAt) => {
    const { run } = memory();
    run.begin(At.first, At.source, SEALED_HEADER_LEN, At.first + SEALED_NONCE_AT, 3);
    run.begin(At.first, At.source, headerLen, At.first + nonceAt, 3);
    expect(run.isLike(At.second, At.other, 3)).toBe(false);
  });
});

/** A host with a peer whose frames came twice in a row, and another peer. */
class Running {
  readonly host = new Host();
  #counter = 0n;

  constructor(source: Endpoint = PEER_ENDPOINT, validateSource = false) {
    const { engine } = this.host;
    engine.addNetwork(VNI);
    engine.addNetwork(VNI + 1);
    engine.setPeer(peerSpec({ validateSource, endpoint: source }));
    engine.setPeer(peerSpec({ slot: 2, routes: [{ dst: '10.77.0.9/32', src: '0.0.0.0/0' }] }));
    engine.installRx(saSpec({ lifetimeMs: LIFETIME }), NOW);
    for (let i = 0; i < 2; i++) expect(this.next({}, NOW, source)).toEqual(INNER);
    expect(engine.lastPeer?.slot).toBe(1);
  }

  /** What becomes of the next frame of the run. */
  next(fields: FrameFields = {}, nowMs = NOW, source: Endpoint = PEER_ENDPOINT): Uint8Array | number {
    this.#counter++;
    return this.host.decap(craftFrame(INNER, { counter: this.#counter, ...fields }), nowMs, source);
  }

  expectNext(code: number, slot: number | null, nowMs = NOW, source: Endpoint = PEER_ENDPOINT): void {
    const row = slot ?? 0;
    const before = this.host.dropped(code as DropCode, row);
    expect(this.next({}, nowMs, source)).toBe(code);
    expect(this.host.engine.lastPeer?.slot ?? null).toBe(slot);
    expect(this.host.dropped(code as DropCode, row)).toBe(before + 1);
    this.host.expectAccounted();
  }
}

describe('Engine.decap() between two like frames', () => {
  test('a peer that validates its source from now on is not at the source', () => {
    const running = new Running(STRANGER);
    running.host.engine.setPeer(peerSpec({ validateSource: true }));
    running.expectNext(DropCode.rxBadPeer, 1, NOW, STRANGER);
  });

  test('no peer can be at the source any more: the frame is nobody’s', () => {
    const running = new Running(STRANGER);
    running.host.engine.setPeer(peerSpec({ validateSource: true }));
    running.host.engine.removePeer(2);
    running.expectNext(DropCode.rxBadPeer, null, NOW, STRANGER);
  });

  test('another peer’s settings make the network closed to the source', () => {
    const running = new Running();
    const { engine } = running.host;
    engine.setPeer(peerSpec({ validateSource: true, endpoint: STRANGER }));
    running.expectNext(DropCode.rxBadPeer, 1);
    engine.setPeer(peerSpec({ slot: 2, routes: [], validateSource: true, endpoint: STRANGER6 }));
    running.expectNext(DropCode.rxBadPeer, null);
  });

  test('a peer that validates its source is configured elsewhere', () => {
    const running = new Running(PEER_ENDPOINT, true);
    running.host.engine.setPeer(peerSpec({ validateSource: true, endpoint: STRANGER }));
    running.expectNext(DropCode.rxBadPeer, 1);
    expect(running.next({}, NOW, STRANGER)).toEqual(INNER);
  });

  test('the peer is removed, and its frames are nobody’s', () => {
    const running = new Running();
    running.host.engine.removePeer(1);
    expect(running.host.engine.lastPeer).toBeNull();
    running.expectNext(DropCode.rxUnknownSpi, null);
  });

  test('the network is removed', () => {
    const running = new Running();
    running.host.engine.removeNetwork(VNI);
    running.expectNext(DropCode.rxUnknownVni, null);
  });

  test('the network is removed and made again', () => {
    const running = new Running();
    running.host.engine.removeNetwork(VNI);
    running.host.engine.addNetwork(VNI);
    running.expectNext(DropCode.rxUnknownSpi, null);
  });

  test('the SA is removed', () => {
    const running = new Running();
    running.host.engine.removeRx(1);
    running.expectNext(DropCode.rxUnknownSpi, null);
  });

  test('the SA expires: not before its time, and for good', () => {
    const running = new Running();
    expect(running.next({}, NOW + LIFETIME - 1)).toEqual(INNER);
    running.expectNext(DropCode.rxExpiredSa, 1, NOW + LIFETIME);
    running.host.engine.sweep(NOW + LIFETIME);
    running.expectNext(DropCode.rxUnknownSpi, null, NOW + LIFETIME);
  });

  test('the SA is retired, and ends with its grace time', () => {
    const running = new Running();
    running.host.engine.retireRx(1, 500, NOW);
    expect(running.next({}, NOW + 499)).toEqual(INNER);
    running.expectNext(DropCode.rxExpiredSa, 1, NOW + 500);
  });

  test('the SPI gets another key, under which counters begin anew', () => {
    const running = new Running();
    running.host.engine.removeRx(1);
    running.host.engine.installRx(saSpec({ key: KEY_B }), NOW);
    running.expectNext(DropCode.rxAuthFailed, 1);
    expect(running.next({ key: KEY_B, counter: 1n })).toEqual(INNER);
  });

  test('an expired SA’s SPI gets another key', () => {
    const running = new Running();
    running.host.engine.installRx(saSpec({ key: KEY_B }), NOW + LIFETIME);
    running.expectNext(DropCode.rxAuthFailed, 1, NOW + LIFETIME);
    expect(running.next({ key: KEY_B }, NOW + LIFETIME)).toEqual(INNER);
  });

  test('the SPI becomes another peer’s, who may not send this', () => {
    const running = new Running();
    running.host.engine.removeRx(1);
    running.host.engine.installRx(saSpec({ slot: 2 }), NOW);
    running.expectNext(DropCode.rxInnerSource, 2);
  });

  test('the peer loses its routes', () => {
    const running = new Running();
    running.host.engine.replaceRoutes(1, []);
    running.expectNext(DropCode.rxInnerSource, 1);
  });

  test('a rate limit is set, and holds for each frame', () => {
    const running = new Running();
    running.host.engine.setPeer(peerSpec({ rxRateLimitPps: 2 }));
    while (running.next() !== DropCode.rxRateLimited);
    running.expectNext(DropCode.rxRateLimited, 1);
    expect(running.next({}, NOW + 10_000)).toEqual(INNER);
  });
});

describe('Engine.decap() within a run', () => {
  test.each([
    ['IPv4', PEER_ENDPOINT, STRANGER],
    ['IPv4, then IPv6', PEER_ENDPOINT, STRANGER6],
    ['IPv6', STRANGER6, { address: '2001:db8::67', port: 6_081 }],
    ['IPv6, then IPv4', STRANGER6, PEER_ENDPOINT],
  ])('drops a frame from another source: %s', (_, home, elsewhere) => {
    const running = new Running(home, true);
    running.expectNext(DropCode.rxBadPeer, 1, NOW, elsewhere);
    expect(running.next({}, NOW, home)).toEqual(INNER);
    expect(running.next({}, NOW, { ...home, port: 9 })).toEqual(INNER);
  });

  test('learns the endpoint of the frame whose source is another', () => {
    const running = new Running();
    for (const source of [STRANGER, STRANGER, STRANGER6, PEER_ENDPOINT]) {
      expect(running.next({}, NOW, source)).toEqual(INNER);
      expect([...(running.host.engine.peer(1)?.endpointWords ?? [])]).toEqual([...parseEndpoint(source)]);
    }
    expect(running.host.learned).toEqual([1, 1, 1]);
  });

  test('drops a replay, and what is behind the window', () => {
    const running = new Running();
    expect(running.next({ counter: 100_000n })).toEqual(INNER);
    for (const counter of [100_000n, 1n]) {
      expect(running.next({ counter })).toBe(DropCode.rxReplay);
      expect(running.host.engine.lastPeer?.slot).toBe(1);
    }
    expect(running.next({ counter: 99_999n })).toEqual(INNER);
    expect(running.next({ counter: 99_999n })).toBe(DropCode.rxReplay);
    running.host.expectAccounted();
  });

  test('drops a forged frame, after which the next right one passes', () => {
    const running = new Running();
    expect(running.next({ key: KEY_B })).toBe(DropCode.rxAuthFailed);
    expect(running.host.engine.lastPeer?.slot).toBe(1);
    expect(running.next()).toEqual(INNER);
  });

  test('judges each frame by its own protocol type and length', () => {
    const { host } = new Running();
    const big = ipPacket({ src: '10.77.0.2', dst: '10.77.0.1', payload: new Uint8Array(1_300) });
    const frames = [INNER, big, INNER6, new Uint8Array(0), INNER, INNER6, big];
    const types = [0x0800, 0x0800, 0x86dd, 0, 0x0800, 0x86dd, 0x0800];
    frames.forEach((inner, i) => {
      expect(host.decap(craftFrame(inner, { type: types[i] ?? 0, counter: BigInt(i + 10) }))).toEqual(inner);
    });
    expect(host.decap(craftFrame(INNER6, { counter: 100n }))).toBe(DropCode.rxInnerMalformed);
    host.expectAccounted();
  });

  test('takes each frame from where it lies', () => {
    const { host } = new Running();
    const { bytes, view } = host.memory;
    for (const [i, frameAt] of [8_192, 8_300, 8_220, 12_001].entries()) {
      const frame = craftFrame(INNER, { counter: BigInt(i + 10) });
      bytes.set(frame, frameAt);
      writeEndpoint(view, frameAt + 512, parseEndpoint(PEER_ENDPOINT));
      expect(host.engine.decap(frameAt, frame.length, frameAt + 512, 20_000, NOW)).toBe(INNER.length);
      expect(bytes.slice(20_000, 20_000 + INNER.length)).toEqual(INNER);
      bytes.fill(0xee, frameAt, frameAt + 1_024);
    }
  });

  test('frames of two SAs of two peers in turn are each its own peer’s', () => {
    const { host } = new Running();
    host.engine.installRx(saSpec({ slot: 2, spi: 2, key: KEY_B }), NOW);
    const other = ipPacket({ src: '10.77.0.9', dst: '10.77.0.1' });
    for (let i = 10n; i < 14n; i++) {
      expect(host.decap(craftFrame(INNER, { counter: i }))).toEqual(INNER);
      expect(host.engine.lastPeer?.slot).toBe(1);
      expect(host.decap(craftFrame(other, { counter: i, spi: 2, key: KEY_B }))).toEqual(other);
      expect(host.engine.lastPeer?.slot).toBe(2);
    }
  });

  /** A host that judges every frame for the first time: same settings, no run. */
  function judgedAlone(frame: Uint8Array): [Uint8Array | number, number | null] {
    const { host } = new Running();
    expect(host.decap(new Uint8Array(0))).toBe(DropCode.rxMalformed);
    return [host.decap(frame), host.engine.lastPeer?.slot ?? null];
  }

  test('a frame with any bit of its header changed is judged as if it came alone', () => {
    const running = new Running();
    const frame = craftFrame(INNER, { counter: 50n });
    for (let bit = 0; bit < SEALED_HEADER_LEN * 8; bit++) {
      const changed = frame.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
      expect(running.next({ counter: BigInt(1_000 + bit) })).toEqual(INNER);
      const result = running.host.decap(changed);
      expect([bit, result, running.host.engine.lastPeer?.slot ?? null]).toEqual([
        bit,
        ...judgedAlone(changed),
      ]);
      expect(typeof result).toBe('number');
    }
    running.host.expectAccounted();
  });

  test('a frame cut short anywhere is judged as if it came alone', () => {
    const running = new Running();
    const frame = craftFrame(INNER, { counter: 50n });
    for (let len = 0; len < frame.length; len++) {
      expect(running.next({ counter: BigInt(1_000 + len) })).toEqual(INNER);
      const result = running.host.decap(frame.slice(0, len));
      const isWhole = len >= SEALED_HEADER_LEN + TAG_LEN;
      expect([len, result]).toEqual([len, isWhole ? DropCode.rxAuthFailed : DropCode.rxMalformed]);
      expect(running.host.engine.lastPeer?.slot ?? null).toBe(isWhole ? 1 : null);
    }
    expect(running.host.decap(frame)).toEqual(INNER);
  });

  test('a frame with an option in front is opened, and so are its neighbours', () => {
    const running = new Running();
    const before = 'ffff000100000000';
    for (let i = 0; i < 3; i++) {
      expect(running.next({ before })).toEqual(INNER);
      expect(running.next()).toEqual(INNER);
    }
  });
});
