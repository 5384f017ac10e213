/** `icx neigh`: which IP address has which MAC address, as an L2 network answers ARP and ND, and guests have it. */
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { addReport } from './target.ts';

export function addNeigh(program: Command, context: CliContext): void {
  const neigh = program
    .command('neigh')
    .description(
      'show the neighbours that an L2 network answers for, and those behind the guests of an L3 network',
    );
  addReport(neigh, context, {
    name: 'show',
    description: 'list IP addresses with their MAC address, port or peer, and age',
    ask: (l2, request) => l2.neighShow(request),
    render: (text, report, colors) => text.renderNeighbours(report, colors),
  });
}
