/** `icx relay`: what guests reach through this host over UDP. */
import type { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { addQuestion } from './target.ts';

export function addRelay(program: Command, context: CliContext): void {
  const relay = program.command('relay').description('show what guests reach through the UDP relay');
  addQuestion(relay, context, {
    name: 'list',
    description: 'list sessions with their guest, source, destination, age and transfer',
    ask: (client, request) => client.relay.relayList(request),
    render: async (report, colors) => (await import('../relay-text.ts')).renderRelay(report, colors),
  });
}
