/** What does a network of Ethernet frames cost beside one of IP packets? */
import { parseOptions } from './end-to-end/options.ts';
import { requireTools } from './end-to-end/requirements.ts';
import { exitOnSignals } from './end-to-end/signals.ts';
import { compareTcp } from './end-to-end/tcp-rounds.ts';
import { icx, icxSegment } from './end-to-end/tunnel-icx.ts';

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  requireTools(options.noOffload);
  exitOnSignals();
  await compareTcp(
    {
      bench: 'l2',
      question: 'TCP throughput of icx with one stream and one queue, by what the network carries',
      // One queue serves a segment, so IP gets no more.
      tunnels: [icx(1, 'IP packets'), icxSegment('Ethernet frames')],
      streams: 1,
    },
    options,
  );
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
