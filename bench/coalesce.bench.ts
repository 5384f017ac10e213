/**
 * What does it cost to join packets, and what when the packets of several flows interleave?
 * Each packet is copied to its place once, as opening it would put it there.
 */
import { bench } from './harness.ts';
import { KINDS, OffloadKit, PLAIN } from './offload-kit.ts';

/** Protocol, flows that interleave packet by packet, payload of each packet. */
const CASES = [
  ['tcp', 1, 1_348],
  ['tcp', 2, 1_348],
  ['tcp', 4, 1_348],
  ['tcp', 8, 1_348],
  ['udp', 1, 1_348],
  ['udp', 1, 36],
  ['udp', 4, 36],
] as const;
const PACKETS = 40;

bench(
  import.meta.url,
  'joining packets',
  KINDS.flatMap((kind) =>
    CASES.map(([protocol, flows, payloadLen]) => ({
      name: `${kind}, ${protocol}, ${flows} flows, ${payloadLen} bytes`,
      ...(kind === PLAIN ? {} : { base: `${PLAIN}, ${protocol}, ${flows} flows, ${payloadLen} bytes` }),
      prepare() {
        const kit = new OffloadKit(kind);
        const { coalescer, bytes } = kit;
        const each = PACKETS / flows;
        const packetLen = payloadLen + (protocol === 'tcp' ? 52 : 28);
        const superAt = kit.packetAt + 131_072;
        for (let flow = 0; flow < flows; flow++) {
          const len = kit.writeSuper(superAt, protocol, flow + 1, each * payloadLen, payloadLen);
          kit.cutTo(superAt, len, kit.packetAt + flow * each * packetLen);
        }
        let writes = 0;
        const run = () => {
          writes = 0;
          for (let i = 0; i < PACKETS; i++) {
            const from = kit.packetAt + ((i % flows) * each + Math.floor(i / flows)) * packetLen;
            const to = coalescer.nextAt(packetLen);
            bytes.copyWithin(to, from, from + packetLen);
            if (coalescer.add(packetLen, 1)) while (coalescer.take()) writes++;
          }
          if (coalescer.flush()) while (coalescer.take()) writes++;
        };
        run();
        if (flows <= 4 && writes !== flows) throw new Error(`${writes} writes for ${flows} flows`);
        return { packets: PACKETS, run };
      },
    })),
  ),
);
