/** What does the way out by the relay cost a guest's datagram, beside the kernel's masquerade? */
import { bench, type Variant } from './harness.ts';
import { RelayPath, type Way } from './relay-path.ts';

const ROUND_MS = 1_000;
const BASE = 'kernel';
/** Data of a datagram: the smallest that anybody sends, and what QUIC fills a path with. */
const LENGTHS = [64, 1_400] as const;

function variant(way: Way, len: number): Variant {
  const name = (of: string) => `${of}, ${len} bytes`;
  return {
    name: name(way === 'relay' ? 'relay' : BASE),
    ...(way === 'relay' && { base: name(BASE) }),
    prepare() {
      const path = new RelayPath(way);
      path.round(len, ROUND_MS);
      return {
        sample() {
          const { datagrams, seconds } = path.round(len, ROUND_MS);
          if (datagrams === 0) throw new Error('nothing arrived');
          return (seconds * 1e9) / datagrams;
        },
      };
    },
  };
}

bench(
  import.meta.url,
  'time between datagrams of a guest that arrive outside, by the relay and by masquerade between veth pairs',
  LENGTHS.flatMap((len) => [variant('masquerade', len), variant('relay', len)]),
  {
    unit: 'ns a datagram',
    runs: 5,
    notes: (figures) =>
      figures.map(({ name, value }) => {
        const bits = Number(/(\d+) bytes/.exec(name)?.[1]) * 8;
        return `${name}: ${(bits / value).toFixed(2)} Gbit/s of data`;
      }),
  },
);
