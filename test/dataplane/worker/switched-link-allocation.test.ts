/**
 * A switched network allocates nothing per frame, whatever port it comes from or goes to.
 *
 * The cipher copies, for what OpenSSL's pointers cost is looked at elsewhere.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { read } from '../../../dataplane/io/libc.ts';
import { SEALED_OVERHEAD } from '../../../dataplane/path/seal-frame.ts';
import { parseEndpoint, writeEndpoint } from '../../../dataplane/wire/endpoint.ts';
import { SEALED_NONCE_AT } from '../../../dataplane/wire/geneve.ts';
import { nowMs } from '../../../dataplane/worker/now.ts';
import { copyingCipher } from '../../support/copying-cipher.ts';
import { concat, ethernetHeader, framed } from '../../support/frames-of.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { asSuper } from '../../support/super-packets.ts';
import { pattern, tcpPacket, udpPacket } from '../../support/transport-packets.ts';
import { bytesOf, LINUX, ndFrame } from '../l2/neighbour-frames.ts';
import { BROADCAST, connect, frame, type Outer, SwitchHost, settle } from './switch-rig.ts';

const CALLS = 20_000;
const READ_LEN = 66_000;
const COUNTER_LOW_AT = SEALED_NONCE_AT + 8;

const hosts: SwitchHost[] = [];
afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

/** Two hosts whose ports of one kind know each other's station: 1 here, 2 there. */
function makePair(kind: 'addTap' | 'addUnix') {
  const [a, b] = [new SwitchHost({ aead: copyingCipher }), new SwitchHost({ aead: copyingCipher })];
  hosts.push(a, b);
  connect(a, b, [1, 1]);
  const [at, bt] = [a[kind](), b[kind]()];
  at.send(frame(1, BROADCAST));
  settle(a, b);
  bt.send(frame(2, 1));
  settle(b, a);
  for (const port of [at, bt]) port.drain();
  return { a, b, at, bt, local: localOf(a, at) };
}

function localOf(host: SwitchHost, { id }: Outer) {
  const local = host.link.local(id);
  if (local === undefined) throw new Error('no port');
  return local;
}

/** Takes what comes out, without a word. */
function drainer(host: SwitchHost, { outerFd }: Outer): () => void {
  const address = host.arena.base + host.arena.take(READ_LEN);
  return () => {
    while (read(outerFd, address, READ_LEN) > 0);
  };
}

const header = (type: number) => ethernetHeader(type, { dst: 2, src: 1 });
const v4 = { src: '10.77.0.1', dst: '10.77.0.2' };
const v6 = { src: 'fd77::1', dst: 'fd77::2' };
const FRAMES: readonly [string, Uint8Array][] = [
  ['UDP over IPv4', concat(header(0x0800), udpPacket(v4))],
  ['TCP over IPv6', concat(header(0x86dd), tcpPacket(v6))],
  ['no IP', frame(1, 2)],
];

describe.each(['addTap', 'addUnix'] as const)('SwitchedLink of a port from %s', (kind) => {
  test.each([
    ...FRAMES,
    ['for all', frame(1, BROADCAST)] as const,
    ['to nobody known', frame(1, 9)] as const,
    [
      'that no bridge passes on',
      concat(Uint8Array.of(1, 0x80, 0xc2, 0, 0, 0), frame(1, 2).subarray(6)),
    ] as const,
    ['of a question for all', bytesOf(LINUX.request)] as const,
    ['of a solicitation', bytesOf(ndFrame())] as const,
  ])('take() of a frame %s allocates less than a byte', (_, bytes) => {
    const { a, local } = makePair(kind);
    const { frameAt } = local.port;
    const now = nowMs() + 0.25;
    // The same each time, and no virtio_net_hdr that says otherwise.
    const place = () => {
      a.arena.bytes.fill(0, frameAt - 10, frameAt);
      a.arena.bytes.set(bytes, frameAt);
    };
    const perFrame = allocatedPerCall(CALLS, () => {
      place();
      a.link.take(local, frameAt, bytes.length, now);
    });
    expect(perFrame).toBeLessThan(1);
    expect(a.isAccounted()).toBe(true);
  });

  test.each(FRAMES)('open() of a frame of %s allocates less than a byte', (_, bytes) => {
    const { a, b, bt } = makePair(kind);
    const sourceAt = b.arena.take(64);
    const sealedAt = b.arena.take(2_048);
    writeEndpoint(b.arena.view, sourceAt, parseEndpoint({ address: '127.0.0.1', port: a.port }));
    const now = nowMs() + 0.25;
    // Sealed once; each is given a counter of its own.
    a.arena.bytes.set(bytes, a.loop.parts.frameAt);
    a.engine.selectFrame(1, a.loop.parts.frameAt, bytes.length, 1, 0, now);
    const outAt = a.loop.parts.scratchAt;
    const len = a.engine.seal(a.loop.parts.frameAt, bytes.length, outAt, now);
    expect(len).toBe(bytes.length + SEALED_OVERHEAD);
    b.arena.bytes.set(a.arena.bytes.subarray(outAt, outAt + len), sealedAt);
    const drain = drainer(b, bt);
    let counter = 1_000;
    const perFrame = allocatedPerCall(CALLS, () => {
      counter++;
      b.arena.view.setUint32(sealedAt + COUNTER_LOW_AT, counter);
      b.link.open(sealedAt, len, sourceAt, now);
      if (counter % 64 !== 0) return;
      b.link.flush();
      drain();
    });
    b.link.flush();
    expect(perFrame).toBeLessThan(1);
    expect(b.totals(1).rxPackets).toBe(counter - 1_000 + 1);
  });
});

test('SwitchedLink.take() of a super-frame allocates less than a byte', () => {
  const { a, local } = makePair('addTap');
  const whole = framed(asSuper(tcpPacket({ ...v4, payload: pattern(8_000) }), 1_000), header(0x0800));
  const { frameAt } = local.port;
  const now = nowMs() + 0.25;
  const perFrame = allocatedPerCall(CALLS / 4, () => {
    a.arena.bytes.set(whole, frameAt - 10);
    a.link.take(local, frameAt, whole.length - 10, now);
  });
  expect(perFrame).toBeLessThan(1);
  expect(a.totals(1).txPackets).toBeGreaterThan(CALLS);
});
