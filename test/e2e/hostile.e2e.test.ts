/** What an attacker on the underlay sends is dropped for the right reason and harms nothing. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AttackedPair,
  CONTROL_PORT,
  DATA_PORT,
  linkAddress,
  receiveSpis,
  residentBytes,
  rxDropsDuring,
  socketDrops,
  tally,
  total,
} from '../support/attacked-pair.ts';
import { Capture, type CapturedFrame } from '../support/capture.ts';
import { describeHosts } from '../support/describe-hosts.ts';
import { parseUdpFrame, withPayload } from '../support/frame.ts';
import { injectFrames, injectUdp } from '../support/inject.ts';
import { scrape } from '../support/metrics.ts';
import { reasonForForgery } from '../support/sealed-frame.ts';
import { ping } from '../support/traffic.ts';

const VNI = 4_711;
const B4 = '10.77.0.2';
const B6 = 'fd77::2';
const FLOOD = 60_000;
const SEED = 'hostile';

/** Byte ranges of a frame's header, by name. */
const FIELDS = [
  ['version and option length', 0, 1],
  ['flags', 1, 2],
  ['protocol type', 2, 4],
  ['VNI', 4, 7],
  ['reserved byte', 7, 8],
  ['header of the SPI option', 8, 12],
  ['SPI', 12, 16],
  ['header of the counter option', 16, 20],
  ['SPI in the nonce', 20, 24],
  ['counter', 24, 32],
] as const;

describeHosts('An attacker on the underlay', () => {
  const pair = new AttackedPair({ interface: { vni: VNI, queues: 2 } });
  const { a, b, attacker } = pair;
  /** Genuine frames from A, delivered once. */
  let genuine: readonly CapturedFrame[] = [];
  let spis = new Set<number>();
  let mac: Buffer;

  beforeAll(async () => {
    await pair.up();
    mac = linkAddress(attacker);
    const captured = await pair.framesToB(async () => {
      await a.admin.rekey([]);
      await pingAll(3);
    });
    spis = receiveSpis(await b.status());
    // Not the last ones under the SA before: that ends with its grace time.
    genuine = captured.filter((frame) => spis.has(payloadOf(frame).readUInt32BE(12)));
    const types = genuine.map((frame) => payloadOf(frame).readUInt16BE(2));
    expect(new Set(types)).toEqual(new Set([0, 0x0800, 0x86dd]));
  }, 60_000);
  afterAll(() => pair.close());

  /** Pings over either family, of which none may be lost. */
  async function pingAll(count: number): Promise<void> {
    const settings = { count, intervalMs: 10, timeoutMs: 3_000 };
    const answers = await Promise.all([B4, B6].map((address) => ping(a.host, address, settings)));
    for (const { received } of answers) expect(received).toBe(count);
  }

  /** A genuine frame with another payload, as the attacker would send it. */
  function forged(frame: CapturedFrame, payload: Buffer): Buffer {
    const made = withPayload(Buffer.from(frame.bytes), payload);
    mac.copy(made, 6);
    return made;
  }

  function payloadOf(frame: CapturedFrame | undefined): Buffer {
    const payload = frame === undefined ? undefined : parseUdpFrame(frame.bytes)?.payload;
    if (payload === undefined) throw new Error('no frame was captured');
    return payload;
  }

  /** Sends forgeries made of the first genuine frame and compares what B says of them, one by one. */
  async function expectDropped(payloads: readonly Buffer[]): Promise<void> {
    const [frame] = genuine;
    if (frame === undefined) throw new Error('no frame was captured');
    const frames = payloads.map((payload) => forged(frame, payload));
    const reasons = payloads.map((payload) => reasonForForgery(payload, VNI, spis));
    const send = () => injectFrames(attacker, 'eth0', frames, 20_000);
    expect(await rxDropsDuring(b, frames.length, send)).toEqual(tally(reasons));
  }

  test.each(FIELDS)('a flipped bit in the %s is dropped for its reason', async (_, from, to) => {
    const payload = payloadOf(genuine[0]);
    const bits = [...Array((to - from) * 8).keys()].map((bit) => bit + from * 8);
    await expectDropped(bits.map((bit) => flipped(payload, bit)));
  });

  test('a flipped bit in ciphertext or tag fails authentication, in both families and of keepalives', async () => {
    for (const type of [0, 0x0800, 0x86dd]) {
      const frame = genuine.find((candidate) => payloadOf(candidate).readUInt16BE(2) === type);
      if (frame === undefined) throw new Error(`no frame of type ${type} was captured`);
      const payload = payloadOf(frame);
      const bodyBits = (payload.length - 32) * 8;
      const step = Math.max(1, Math.floor(bodyBits / 150));
      const bits = [...Array(bodyBits).keys()].filter((bit) => bit % step === 0 || bit >= bodyBits - 128);
      const frames = bits.map((bit) => forged(frame, flipped(payload, bit + 256)));
      const send = () => injectFrames(attacker, 'eth0', frames, 20_000);
      expect(await rxDropsDuring(b, frames.length, send)).toEqual({ auth_failed: frames.length });
    }
  });

  test('a frame cut to any length, or made longer, is dropped for its reason', async () => {
    const payload = payloadOf(genuine[0]);
    const cut = [...payload.keys()].map((len) => payload.subarray(0, len));
    const longer = [1, 4, 16, 1_000].map((len) => Buffer.concat([payload, Buffer.alloc(len)]));
    await expectDropped([...cut, ...longer]);
  });

  test('options that are unknown, doubled, misplaced or of wrong length are dropped for their reason', async () => {
    await expectDropped(oddOptions(payloadOf(genuine[0])));
  });

  test('every frame sent again is a replay, from wherever; it is not answered and teaches no endpoint', async () => {
    const { endpoint } = (await b.status()).peers[0] ?? {};
    const frames = [...genuine, ...genuine].map((frame) => forged(frame, payloadOf(frame)));
    const elsewhere = frames.map((frame) => fromAddress(frame, '192.0.2.3'));
    const capture = await Capture.start(attacker, 'eth0', join(pair.directory.path, 'attacker.pcap'));
    const send = () => injectFrames(attacker, 'eth0', [...frames, ...elsewhere], 20_000);
    expect(await rxDropsDuring(b, 2 * frames.length, send)).toEqual({ replay: 2 * frames.length });
    expect((await b.status()).peers[0]?.endpoint).toBe(endpoint);
    const seen = (await capture.stop())
      .map(({ bytes }) => parseUdpFrame(bytes))
      .filter((udp) => udp !== null);
    expect(seen.filter(({ source }) => source === '192.0.2.3')).toHaveLength(frames.length);
    expect(seen.filter(({ destination }) => destination === '192.0.2.3')).toEqual([]);
  });

  test('frames of an old generation are replays in its grace time, and the tunnel goes on', async () => {
    const report = await b.admin.rekey([]);
    expect(report.peers[0]).toMatchObject({ ok: true, lost_packets: 0 });
    const frames = genuine.map((frame) => forged(frame, payloadOf(frame)));
    const send = () => injectFrames(attacker, 'eth0', frames, 20_000);
    expect(await rxDropsDuring(b, frames.length, send)).toEqual({ replay: frames.length });
    await pingAll(5);
  });

  test('while forgeries and replays come, no ping is lost', async () => {
    const frames = genuine.flatMap((frame) =>
      [...Array(256).keys()].map((bit) => forged(frame, flipped(payloadOf(frame), bit))),
    );
    const repeated = [...frames, ...frames, ...frames];
    const send = async () => {
      await Promise.all([injectFrames(attacker, 'eth0', repeated, 5_000), pingAll(40)]);
    };
    const drops = await rxDropsDuring(b, repeated.length, send);
    expect(total(drops)).toBe(repeated.length);
  });

  describe('60,000 random datagrams', () => {
    const target = { source: '192.0.2.3', destination: '192.0.2.2' };

    /** Floods and then requires what was there before: SAs, connection, memory, a quiet log. */
    async function expectUnharmed(flood: () => Promise<void>): Promise<void> {
      const before = { spis: receiveSpis(await b.status()), bytes: residentBytes(b), lines: lines(b.log) };
      await flood();
      await pingAll(50);
      const status = await b.status();
      expect(status.peers[0]?.state).toBe('up');
      expect(receiveSpis(status)).toEqual(before.spis);
      const [lineCount, grownBytes] = [lines(b.log) - before.lines, residentBytes(b) - before.bytes];
      process.stderr.write(`${lineCount} log lines, ${(grownBytes / 1e6).toFixed(1)} MB more\n`);
      expect(lineCount).toBeLessThan(20);
      expect(grownBytes).toBeLessThan(100e6);
    }

    test('at the data port are counted and change nothing', async () => {
      const payloads = randomDatagrams(FLOOD, payloadOf(genuine[0]), [...spis]);
      await expectUnharmed(async () => {
        const lostBefore = await socketDrops(b.host, DATA_PORT);
        const drops = await rxDropsDuring(b, FLOOD, () =>
          injectUdp(attacker, { ...target, port: DATA_PORT }, payloads),
        );
        const lost = (await socketDrops(b.host, DATA_PORT)) - lostBefore;
        process.stderr.write(`${lost} dropped by the kernel, ${JSON.stringify(drops)}\n`);
        expect(total(drops) + lost).toBe(FLOOD);
        if (lost === 0)
          expect(drops).toEqual(tally(payloads.map((frame) => reasonForForgery(frame, VNI, spis))));
      });
    });

    test('at the control port change nothing', async () => {
      const payloads = randomDatagrams(FLOOD, initialPacket(), []);
      await expectUnharmed(async () => {
        await injectUdp(attacker, { ...target, port: CONTROL_PORT }, payloads);
      });
    });

    test('at the control port in the name of the peer change nothing', async () => {
      const control = (await controlFrames()).slice(0, 4);
      expect(control.length).toBeGreaterThan(0);
      const frames = control.flatMap((frame) =>
        randomDatagrams(2_000, payloadOf(frame), []).map((payload) => forged(frame, payload)),
      );
      await expectUnharmed(async () => {
        await injectFrames(attacker, 'eth0', frames, 10_000);
      });
    });
  });

  /** Frames of the control connection from A to B. */
  async function controlFrames(): Promise<CapturedFrame[]> {
    return await pair.framesToB(() => a.admin.rekey([]), CONTROL_PORT);
  }

  test('in each direction received packets are delivered packets plus drops', async () => {
    for (const agent of [a, b]) {
      const metrics = await scrape(agent);
      metrics.expectBalanced();
      expect(metrics.value('icx_received_packets_total', { direction: 'rx' })).toBeGreaterThan(0);
    }
    const metrics = await scrape(b);
    expect(metrics.drops('rx', 'replay')).toBeGreaterThan(0);
    expect(metrics.drops('rx', 'auth_failed')).toBeGreaterThan(FIELDS.length);
  });
});

function flipped(payload: Buffer, bit: number): Buffer {
  const changed = Buffer.from(payload);
  changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (0x80 >> (bit & 7)), bit >> 3);
  return changed;
}

/** The same frame from another IPv4 address. */
function fromAddress(frame: Buffer, address: string): Buffer {
  const changed = Buffer.from(frame);
  Buffer.from(address.split('.').map(Number)).copy(changed, 26);
  const payload = parseUdpFrame(frame)?.payload ?? Buffer.alloc(0);
  return withPayload(changed, Buffer.from(payload));
}

/** The frame with its two options in other numbers and orders, and with others between them. */
function oddOptions(frame: Buffer): Buffer[] {
  const [spi, counter] = [frame.subarray(8, 16), frame.subarray(16, 32)];
  const critical = Buffer.from('01028500', 'hex');
  const harmless = Buffer.from('01020500', 'hex');
  // Where the SPI should be, so that the kernel steers it to the SPI's queue.
  const longHarmless = Buffer.concat([Buffer.from('01020501', 'hex'), spi.subarray(4)]);
  const lists = [
    [],
    [spi],
    [counter],
    [counter, spi],
    [spi, spi, counter],
    [spi, counter, counter],
    [spi, counter, critical],
    [critical, spi, counter],
    [spi, harmless, counter],
    [longHarmless, spi, counter],
    [spi, counter, harmless],
    ...[...Array(32).keys()].map((words) => [spi, optionOf(words), counter].slice(0, words < 27 ? 3 : 2)),
  ];
  return lists.map((options) => {
    const header = Buffer.from(frame.subarray(0, 8));
    const length = options.reduce((sum, option) => sum + option.length, 0);
    header.writeUInt8(length / 4, 0);
    return Buffer.concat([header, ...options, frame.subarray(32)]);
  });
}

/** An option of another class that is not critical, with so many words. */
function optionOf(words: number): Buffer {
  const option = Buffer.alloc(4 + words * 4, 0xa5);
  option.writeUInt32BE(0x0102_0500 + words, 0);
  return option;
}

/** A third noise; a third noise behind a genuine beginning; a third genuine with some bytes changed. */
function randomDatagrams(count: number, genuine: Buffer, spis: readonly number[]): Buffer[] {
  const noise = keyStream(count * 600);
  let at = 0;
  const take = (len: number): Buffer => {
    at = (at + len) % (noise.length - 1_400);
    return noise.subarray(at, at + len);
  };
  return [...Array(count).keys()].map((index) => {
    const [first = 0, second = 0, third = 0] = take(3);
    if (index % 3 === 0) return take(first * 5 + (second & 3));
    if (index % 3 === 1)
      return Buffer.concat([genuine.subarray(0, first % genuine.length), take(second * 4)]);
    const changed = Buffer.from(genuine);
    for (let turn = 0; turn <= third % 4; turn++) {
      const [where = 0, value = 0] = take(2);
      changed.writeUInt8(value, where % changed.length);
    }
    const spi = spis[third % Math.max(1, spis.length)];
    // Another live SPI in both places: the tag has the last word.
    if (spi !== undefined && third > 128) for (const spiAt of [12, 20]) changed.writeUInt32BE(spi, spiAt);
    return changed.equals(genuine) ? flipped(changed, Math.min(256, changed.length * 8 - 1)) : changed;
  });
}

/** Noise that is the same in each run. */
function keyStream(len: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < len; at += 32) {
    blocks.push(createHash('sha256').update(`${SEED} ${at}`).digest());
  }
  return Buffer.concat(blocks, len);
}

/** What looks like the first packet of a QUIC connection. @see RFC 9000 §17.2.2 */
function initialPacket(): Buffer {
  const header = Buffer.from('c00000000108a1a2a3a4a5a6a7a800004496', 'hex');
  return Buffer.concat([header, Buffer.alloc(1_200 - header.length, 0x5a)]);
}

function lines(text: string): number {
  return text.split('\n').length;
}
