/** What all commands about networks ask first: which agent, and which of its networks. */
import type { Command } from 'commander';
import type { AdminClient } from '../admin-client.ts';
import type { L2Api, NetworkChoice } from '../admin-l2-api.ts';
import type { CliContext } from '../cli-context.ts';
import { CliError, Exit } from '../cli-error.ts';

export interface TargetOptions {
  readonly interface?: string;
  readonly network?: string;
}

/** Adds `--interface` and `--network`. @param network What its value is. */
export function addTarget(command: Command, network: string): Command {
  return command
    .option('-i, --interface <NAME>', 'the agent; may be left out when only one runs')
    .option('-n, --network <NETWORK>', network);
}

/** For `addTarget()` of a command that changes something. */
export const ONE_NETWORK = 'name or VNI of the network; may be left out when the agent has only one';

/** @param name The agent as an argument, where the command takes one. @throws {CliError} */
export async function targetAgent(
  options: TargetOptions,
  context: CliContext,
  name?: string,
): Promise<AdminClient> {
  const { namedAgent, onlyAgent } = await import('../agents.ts');
  const { interface: option } = options;
  if (name !== undefined && option !== undefined && name !== option) {
    throw new CliError(`${name} and --interface ${option} are two agents`, 'name one', Exit.usage);
  }
  const wanted = name ?? option;
  return wanted === undefined ? await onlyAgent(context.runDir) : namedAgent(wanted, context.runDir);
}

/** A question about networks, for `addQuestion()`. */
export interface Question<T extends object> {
  readonly name: string;
  readonly description: string;
  ask(client: AdminClient, request: NetworkChoice): Promise<T>;
  render(report: T, colors: boolean): Promise<string>;
}

/** Adds a command that shows something of one agent's networks. */
export function addQuestion<T extends object>(
  parent: Command,
  context: CliContext,
  report: Question<T>,
): void {
  const command = parent
    .command(report.name)
    .description(report.description)
    .argument('[NAME]', 'an agent; may be left out when only one runs');
  addTarget(command, 'name or VNI of the only network to show')
    .option('-j, --json', 'print JSON')
    .action(async (name: string | undefined, options: TargetOptions & { readonly json?: boolean }) => {
      const client = await targetAgent(options, context, name);
      const answer = await report.ask(client, { network: options.network });
      const text =
        options.json === true
          ? `${JSON.stringify(answer, null, 2)}\n`
          : await report.render(answer, context.colors);
      context.write(text);
    });
}

/** A question about L2 networks, for `addReport()`. */
export interface L2Report<T extends object> {
  readonly name: string;
  readonly description: string;
  ask(l2: L2Api, request: NetworkChoice): Promise<T>;
  render(text: typeof import('../l2-text.ts'), report: T, colors: boolean): string;
}

/** `addQuestion()` about L2 networks. */
export function addReport<T extends object>(parent: Command, context: CliContext, report: L2Report<T>): void {
  const { name, description } = report;
  addQuestion<T>(parent, context, {
    name,
    description,
    ask: ({ l2 }, request) => report.ask(l2, request),
    render: async (answer, colors) => report.render(await import('../l2-text.ts'), answer, colors),
  });
}
