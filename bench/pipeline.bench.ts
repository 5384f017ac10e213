/** What does a packet cost on its whole way through the engine, system calls left out? */
import { LENGTHS } from './aead-kit.ts';
import { bench, type Variant } from './harness.ts';
import { LoopKit } from './loop-kit.ts';
import { HEADER_LEN, type PacketFields } from './packets.ts';

/** Frames that the loop takes in one turn. */
const TURN_FRAMES = 128;
const QUEUED_PACKETS = 180;

interface Shape {
  readonly name: string;
  readonly fields: PacketFields;
  /** Packets that it stands for, and their bytes together. */
  readonly packets: number;
  readonly bytes: number;
}

const SHAPES: readonly Shape[] = [
  ...LENGTHS.map((len) => shape(`single packets of ${len} bytes`, 'udp', 1, len, false)),
  shape('64 KB TCP super-packets of 1400 bytes', 'tcp', 45, 1_400, true),
  shape('UDP super-packets of 64 x 64 bytes', 'udp', 64, 64, true),
];

function shape(name: string, protocol: 'tcp' | 'udp', packets: number, len: number, isSuper: boolean): Shape {
  const gsoSize = len - HEADER_LEN[protocol];
  const fields = { protocol, payloadLen: packets * gsoSize, gsoSize: isSuper ? gsoSize : 0 };
  return { name, fields, packets, bytes: packets * len };
}

function send({ name, fields, packets, bytes }: Shape): Variant {
  return {
    name: `TX, ${name}`,
    prepare() {
      const kit = new LoopKit();
      kit.placeOutbound(fields);
      if (kit.send() !== packets) throw new Error('not cut as expected');
      kit.verifySent(packets, bytes);
      return { packets, run: () => void kit.send() };
    },
  };
}

function receive({ name, fields, packets }: Shape): Variant {
  return {
    name: `RX, ${name}`,
    prepare() {
      const kit = new LoopKit();
      kit.placeInbound(fields);
      const times = Math.ceil(QUEUED_PACKETS / packets);
      const turn = packets === 1 ? 1 : TURN_FRAMES;
      const refill = () => kit.queue(times);
      const run = () => kit.receive(turn);
      refill();
      run();
      const superLen = HEADER_LEN[fields.protocol] + fields.payloadLen;
      const least = times * superLen;
      const most = least + HEADER_LEN[fields.protocol] * Math.ceil((times * packets) / turn);
      if (kit.writtenBytes < least || kit.writtenBytes > most) {
        throw new Error(`${kit.writtenBytes} bytes written, expected ${least} to ${most}`);
      }
      return { packets: times * packets, refill, run };
    },
  };
}

bench(import.meta.url, 'whole pipelines, system calls left out', [
  ...SHAPES.map(send),
  ...SHAPES.map(receive),
]);
