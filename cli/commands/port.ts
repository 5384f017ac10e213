/** `icx port`: what a network joins on this host. */
import { type Command, Option } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { printable } from '../format.ts';
import type { PortOptions } from '../port-options.ts';
import { addReport, addTarget, ONE_NETWORK, type TargetOptions, targetAgent } from './target.ts';

export function addPort(program: Command, context: CliContext): void {
  const port = program
    .command('port')
    .description(
      'show and change the ports of a network: sockets of virtual machines and, in an L2 network, devices and VXLAN',
    );
  addReport(port, context, {
    name: 'list',
    description: 'list ports with their state, stations and traffic',
    ask: (l2, request) => l2.portList(request),
    render: (text, report, colors) => text.renderPorts(report, colors),
  });
  addAdd(port, context);
  addDel(port, context);
}

/** As many times as an operator likes. */
const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function addAdd(port: Command, context: CliContext): void {
  const add = port
    .command('add')
    .description('add a port; it lives until the agent ends: [[port]] in the config keeps one for good')
    .addOption(
      new Option('-t, --type <TYPE>', 'what the port is')
        .choices(['unix', 'interface', 'vxlan'])
        .makeOptionMandatory(),
    )
    .option('--name <PORT>', 'its name; made from path, device or VNI by default')
    .option('--max-stations <NUMBER>', 'how many stations may be learned behind it')
    .option('--path <PATH>', 'unix: the socket that the agent makes')
    .option(
      '--remote <WHERE>',
      'unix: socket of the guest; vxlan: address of a VTEP, may be repeated',
      collect,
    )
    .option('--mode <MODE>', 'unix: permissions of the socket, such as 0660; 0600 by default')
    .option('--mtu <BYTES>', 'unix: largest packet that the guest sends')
    .option(
      '--address <PREFIX>',
      'unix: inner address of the guest, in an L3 network; may be repeated',
      collect,
    )
    .option('--device <DEVICE>', 'interface: the device to take; vxlan: the device of the group')
    .option('--vni <VNI>', "vxlan: VNI of the segment; the network's by default")
    .option('--listen <ADDRESS>', 'vxlan: address to listen at; 0.0.0.0 by default')
    .option('--listen-port <UDP-PORT>', 'vxlan: port to listen at; 4789 by default')
    .option('--group <ADDRESS>', 'vxlan: multicast group to flood to')
    .option('--learn-remotes', 'vxlan: learn VTEPs from what they send')
    .option('--ttl <NUMBER>', 'vxlan: hop limit of the outer packets');
  addTarget(add, ONE_NETWORK).action(async (options: PortOptions & TargetOptions) => {
    const { portSpec } = await import('../port-options.ts');
    const spec = portSpec(options);
    const client = await targetAgent(options, context);
    const done = await client.l2.portAdd({ network: options.network, port: spec });
    context.write(`${printable(done.network)}: port ${printable(done.port)} added\n`);
  });
}

function addDel(port: Command, context: CliContext): void {
  const del = port
    .command('del')
    .description('remove a port, and forget the stations behind it')
    .argument('<PORT>', 'its name');
  addTarget(del, ONE_NETWORK).action(async (name: string, options: TargetOptions) => {
    const client = await targetAgent(options, context);
    await client.l2.portDel({ network: options.network, name });
  });
}
