/** What a config becomes for an agent that makes no interfaces, and so needs no privileges. */
import { ConfigError, type ConfigProblem } from './config-error.ts';
import type { Config, NetworkConfig } from './types.ts';

/**
 * The config as if every network had `interface = false`. Addresses are left out with the interfaces
 * that would have had them.
 *
 * @throws {ConfigError} where a network could do nothing then; the keys of `config` are overwritten.
 */
export function withoutInterfaces(config: Config): Config {
  const problems = config.networks.flatMap(problemsOf);
  if (problems.length > 0) {
    config.interface.seed.fill(0);
    for (const { presharedKey } of config.peers) presharedKey?.fill(0);
    throw new ConfigError(config.file, problems);
  }
  const networks = config.networks.map((network) => ({ ...network, device: false, addresses: [] }));
  return { ...config, interface: { ...config.interface, addresses: [] }, networks };
}

function problemsOf({ name, ports, relay }: NetworkConfig): ConfigProblem[] {
  const problems = ports
    .filter(({ type }) => type === 'interface')
    .map(({ name: port }) => ({
      line: 0,
      message: `port ${port} of network ${name} is an interface, which takes CAP_NET_RAW`,
      hint: 'remove it, or run as root without --userspace',
    }));
  if (ports.length > 0 || relay !== null) return problems;
  const message = `network ${name} has neither a port nor a relay, and no interface by --userspace`;
  return [{ line: 0, message, hint: 'add a relay or a port, or run as root without --userspace' }];
}
