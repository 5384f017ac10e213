/**
 * `icx demo-probe`: traffic from inside a namespace, for the demo. Not a command for people.
 *
 * Listening parts print `{"ready":true}` when they listen; every part prints one line of JSON
 * with its result and ends. UDP parts end when their standard input does.
 */
import type { Command } from 'commander';
import { probePing } from './probe-ping.ts';
import { serveTcp, sinkTcp } from './probe-tcp.ts';
import { sendUdp, sinkUdp } from './probe-udp.ts';

/** What is printed for a result. */
function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

const ready = () => print({ ready: true });

export function registerProbe(program: Command): void {
  const probe = program.command('demo-probe', { hidden: true }).description('traffic for icx demo');
  probe
    .command('ping <address>')
    .option('--count <n>', 'echoes', Number, 10)
    .option('--interval <ms>', 'between echoes', Number, 50)
    .option('--timeout <ms>', 'per echo', Number, 1_000)
    .option('--length <bytes>', 'data per echo', Number, 56)
    .option('--dont-fragment', 'fail where the path takes less', false)
    .action(async (address: string, options) => print(await probePing(address, options)));
  probe
    .command('tcp-serve <address> <port>')
    .option('--seconds <s>', 'how long to send', Number, 3)
    .action(async (address: string, port: string, options) =>
      print(await serveTcp(address, Number(port), options.seconds, ready)),
    );
  probe
    .command('tcp-sink <address> <port>')
    .action(async (address: string, port: string) => print(await sinkTcp(address, Number(port))));
  probe
    .command('udp-send <address> <port>')
    .option('--mbit <rate>', 'payload rate in Mbit/s', Number, 40)
    .option('--length <bytes>', 'payload per datagram', Number, 1_200)
    .action(async (address: string, port: string, options) =>
      print(await sendUdp(address, Number(port), options)),
    );
  probe
    .command('udp-sink <address> <port>')
    .action(async (address: string, port: string) => print(await sinkUdp(address, Number(port), ready)));
}
