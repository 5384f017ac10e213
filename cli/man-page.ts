/** Manual pages in roff, made from the command definitions. */
import type { Argument, Command } from 'commander';
import { DROP_TABLE } from '../dataplane/path/drop.ts';
import { commandPath, visibleCommands, visibleOptions } from './command-tree.ts';
import { CONFIG_EXAMPLES, type ConfigExample } from './config/examples.ts';
import { CONFIG_HELP } from './config/help.ts';
import { VERSION } from './version.ts';

const FILES = [
  ['/etc/icx/NAME.toml', 'Config of the interface NAME: icx man icx.toml.'],
  [
    '/run/icx/NAME.sock',
    'Admin socket of a running agent, mode 0600. Of users other than root it is $XDG_RUNTIME_DIR/icx/NAME.sock, or /tmp/icx-UID/NAME.sock.',
  ],
  ['http://127.0.0.1:6083/metrics', 'Prometheus metrics; /healthz and /readyz stand beside it.'],
] as const;

const ENVIRONMENT = [
  ['ICX_RUN_DIR', 'Directory of the admin sockets, instead of where FILES tells.'],
  ['NO_COLOR', 'Switches colours off.'],
] as const;

const SIGNALS = [
  ['SIGTERM, SIGINT', 'End: all that was made is removed, exit status 0.'],
  ['SIGHUP', 'As icx reload; what is wrong with the config is in the log.'],
] as const;

const EXIT_STATUS = [
  ['0', 'Done.'],
  ['1', 'Failed; stderr says what was tried, what came and what to do.'],
  ['2', 'Wrong usage, or an error in the config.'],
] as const;

/** The page of the program or of one of its commands, with the commands below that. @see man(7) */
export function manPage(command: Command): string {
  const path = commandPath(command);
  const sections = [
    `.TH ${quote(path.join('-').toUpperCase())} 1 "" ${quote(`icx ${VERSION}`)} "icx manual"`,
    section('NAME', `${escapeRoff(path.join('-'))} \\- ${escapeRoff(command.description())}`),
    section('SYNOPSIS', synopsis(command)),
    commands(command),
    entries('ARGUMENTS', argumentEntries(command)),
    entries('OPTIONS', optionEntries(command)),
    ...more(command.name()),
    entries('EXIT STATUS', EXIT_STATUS),
    entries('ENVIRONMENT', ENVIRONMENT),
    entries('FILES', FILES),
    section('SEE ALSO', seeAlso(command)),
  ];
  return `${sections.filter((text) => text !== '').join('\n')}\n`;
}

/** What only one command's page has. */
function more(name: string): string[] {
  if (name === 'up') return [entries('SIGNALS', SIGNALS)];
  if (name !== 'status') return [];
  const drops = Object.values(DROP_TABLE);
  return [
    entries(
      'DROPS',
      drops.map(({ direction, reason, help }) => [`${direction} ${reason}`, help]),
    ),
  ];
}

/** The page of the config file: every key of every section. */
export function configPage(): string {
  const sections = [
    `.TH "ICX.TOML" 5 "" ${quote(`icx ${VERSION}`)} "icx manual"`,
    section('NAME', 'icx.toml \\- config of an icx agent'),
    section(
      'DESCRIPTION',
      escapeRoff(
        'A TOML file per agent, /etc/icx/NAME.toml by default. icx check FILE tells all that is wrong with one. ' +
          'Unknown keys are errors; paths are relative to the file.',
      ),
    ),
    ...CONFIG_HELP.map(({ title, about, keys }) => entries(title, Object.entries(keys), about)),
    section('EXAMPLES', CONFIG_EXAMPLES.map(example).join('\n')),
    section('SEE ALSO', escapeRoff('icx(1), icx-up(1), icx-check(1), icx-reload(1)')),
  ];
  return `${sections.join('\n')}\n`;
}

type Entry = readonly [term: string, text: string];

/** A command that only groups others shows how those are called. */
function synopsis(command: Command): string {
  const children = command.parent === null ? [] : visibleCommands(command);
  return (children.length === 0 ? [command] : children)
    .map((shown) => `.B ${escapeRoff(commandPath(shown).join(' '))}\n${escapeRoff(shown.usage())}`)
    .join('\n.br\n');
}

/** The program's commands have pages of their own; those of a command are told on its page. */
function commands(command: Command): string {
  const children = visibleCommands(command);
  if (command.parent === null) {
    return entries(
      'COMMANDS',
      children.map((child) => [childName(child), child.description()]),
    );
  }
  return children.length === 0 ? '' : section('COMMANDS', children.map(subsection).join('\n'));
}

function subsection(command: Command): string {
  const words = escapeRoff(commandPath(command).join(' '));
  const parts = [...argumentEntries(command), ...optionEntries(command)];
  return `.SS ${quote(words)}\n${escapeRoff(command.description())}\n${terms(parts)}`;
}

function argumentEntries(command: Command): Entry[] {
  return command.registeredArguments.map((argument) => [argument.name(), argumentText(argument)]);
}

function optionEntries(command: Command): Entry[] {
  return visibleOptions(command).map(({ flags, description, argChoices }) => [
    flags,
    argChoices === undefined ? description : `${description} (${argChoices.join(', ')})`,
  ]);
}

function childName(child: Command): string {
  return [child.name(), child.usage().replace('[options]', '').trim()].join(' ').trim();
}

function argumentText(argument: Argument): string {
  const choices = argument.argChoices === undefined ? '' : ` (${argument.argChoices.join(', ')})`;
  return `${argument.description}${choices}`;
}

function seeAlso(command: Command): string {
  const pages =
    command.parent === null ? visibleCommands(command).map((child) => `icx-${child.name()}`) : ['icx'];
  return [...pages.map((page) => `${page}(1)`), 'ip(8)'].map(escapeRoff).join(', ');
}

function section(title: string, text: string): string {
  return `.SH ${quote(title)}\n${text}`;
}

/** @param about Text before the list. */
function entries(title: string, list: readonly Entry[], about = ''): string {
  if (list.length === 0) return '';
  return section(title, [...(about === '' ? [] : [escapeRoff(about)]), terms(list)].join('\n'));
}

function example({ title, about, commands, toml }: ConfigExample): string {
  const parts = [
    `.SS ${quote(escapeRoff(title))}`,
    ...(about === '' ? [] : [escapeRoff(about)]),
    ...(commands === '' ? [] : ['.PP', asItStands(commands), '.PP']),
    asItStands(toml),
  ];
  return parts.join('\n');
}

function asItStands(text: string): string {
  return `.nf\n${text.split('\n').map(escapeRoff).join('\n')}\n.fi`;
}

function terms(list: readonly Entry[]): string {
  return list.map(([term, text]) => `.TP\n.B ${escapeRoff(term)}\n${escapeRoff(text)}`).join('\n');
}

/** Text that roff prints as it stands: a leading dot or quote would be a request. */
function escapeRoff(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/\s*\n\s*/g, ' ');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
