/** What does a second queue bring when there are eight flows? */
import { parseOptions } from './end-to-end/options.ts';
import { requireTools } from './end-to-end/requirements.ts';
import { exitOnSignals } from './end-to-end/signals.ts';
import { compareTcp } from './end-to-end/tcp-rounds.ts';
import { icx } from './end-to-end/tunnel-icx.ts';

const FLOWS = 8;

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  requireTools(options.noOffload);
  exitOnSignals();
  await compareTcp(
    {
      bench: 'flows',
      question: `TCP throughput of icx with ${FLOWS} streams, by queues`,
      tunnels: [icx(1, 'one queue'), icx(2, 'two queues')],
      streams: FLOWS,
    },
    options,
  );
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
