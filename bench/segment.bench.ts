/** What does it cost to cut a super-packet, per packet that comes out? */
import { bench } from './harness.ts';
import { KINDS, OffloadKit, PLAIN } from './offload-kit.ts';
import { restorePacket } from './packets.ts';

const CASES = [
  ['tcp', 60_660, 1_348],
  ['udp', 60_660, 1_348],
  ['udp', 2_304, 36],
] as const;

bench(
  import.meta.url,
  'cutting super-packets',
  KINDS.flatMap((kind) =>
    CASES.map(([protocol, payloadLen, gsoSize]) => ({
      name: `${kind}, ${protocol} ${payloadLen} bytes by ${gsoSize}`,
      ...(kind === PLAIN ? {} : { base: `${PLAIN}, ${protocol} ${payloadLen} bytes by ${gsoSize}` }),
      prepare() {
        const kit = new OffloadKit(kind);
        const { segmenter, packetAt } = kit;
        const len = kit.writeSuper(packetAt, protocol, 1, payloadLen, gsoSize);
        const packets = Math.ceil(payloadLen / gsoSize);
        if (segmenter.begin(packetAt, len) !== packets) throw new Error('not cut as expected');
        return {
          packets,
          run() {
            // The header was written over by the last packets' but for the first one's own.
            segmenter.begin(packetAt, len);
            while (segmenter.next() > 0);
            restorePacket(kit.view, packetAt, len);
          },
        };
      },
    })),
  ),
);
