/** What does the checksum of a packet cost, in TypeScript and with SIMD? */
import { checksum, sumBytes } from '../dataplane/wire/checksum.ts';
import { bench } from './harness.ts';
import { KINDS, OffloadKit, PLAIN } from './offload-kit.ts';

bench(
  import.meta.url,
  'Internet checksum',
  KINDS.flatMap((kind) =>
    [64, 1_400].map((len) => ({
      name: `${kind}, ${len} bytes`,
      ...(kind === PLAIN ? {} : { base: `${PLAIN}, ${len} bytes` }),
      prepare() {
        const { module, view, bytes, packetAt } = new OffloadKit(kind);
        for (let i = 0; i < len; i++) bytes[packetAt + i] = i * 31;
        const plain = () => checksum(sumBytes(view, packetAt, len));
        const simd = () => module.checksumOf(packetAt, len);
        if (plain() !== simd()) throw new Error(`checksums differ: ${plain()}, ${simd()}`);
        return { packets: 1, run: kind === PLAIN ? plain : simd };
      },
    })),
  ),
);
