/** What does it cost to seal a packet: header as additional data, AES-128-GCM, tag? */
import { AeadKit, LENGTHS, NOBLE, PROVIDERS, verifyProviders } from './aead-kit.ts';
import { bench } from './harness.ts';

bench(
  import.meta.url,
  'sealing packets',
  LENGTHS.flatMap((len) =>
    PROVIDERS.map((kind) => ({
      name: `${kind}, ${len} bytes`,
      ...(kind === NOBLE ? {} : { base: `${NOBLE}, ${len} bytes` }),
      prepare() {
        verifyProviders(len);
        const kit = new AeadKit(kind);
        kit.verify(len);
        return { packets: 1, run: () => void kit.seal(len) };
      },
    })),
  ),
);
