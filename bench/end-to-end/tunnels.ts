/** The tunnels that can be compared, and which of them this machine has. */
import type { EndToEndOptions } from './options.ts';
import type { Tunnel } from './tunnel.ts';
import { fastd } from './tunnel-fastd.ts';
import { icx } from './tunnel-icx.ts';
import { nebula } from './tunnel-nebula.ts';
import { plain } from './tunnel-plain.ts';
import { wireguardGo, wireguardKernel } from './tunnel-wireguard.ts';

export interface Selection {
  readonly tunnels: readonly Tunnel[];
  readonly missing: readonly { readonly name: string; readonly hint: string }[];
  /** Name of the one that the others are compared with. */
  readonly base: string;
}

/** In the order of the tables. */
export function allTunnels(queues: number | null): Tunnel[] {
  return [plain, icx(queues), wireguardGo, wireguardKernel, fastd, nebula];
}

/** @throws {RangeError} for a name that is none, or a base that is not among those compared. */
export function selectTunnels(
  { tunnels: names, base }: Pick<EndToEndOptions, 'tunnels' | 'base'>,
  known: readonly Tunnel[],
): Selection {
  const unknown = names?.find((name) => known.every((tunnel) => tunnel.name !== name));
  if (unknown !== undefined) {
    const all = known.map(({ name }) => name).join(', ');
    throw new RangeError(`There is no tunnel '${unknown}': expected some of ${all}`);
  }
  const wanted = known.filter(({ name }) => names === null || names.includes(name));
  const missing: { name: string; hint: string }[] = [];
  const tunnels = wanted.filter((tunnel) => {
    const hint = tunnel.missing();
    if (hint !== null) missing.push({ name: tunnel.name, hint });
    return hint === null;
  });
  const isCompared = (name: string) => tunnels.some((tunnel) => tunnel.name === name);
  if (base !== null && !isCompared(base)) {
    throw new RangeError(
      `Cannot compare with '${base}': it is not among ${tunnels.map(({ name }) => name).join(', ')}`,
    );
  }
  const standard = ['wireguard-go', 'plain'].find(isCompared) ?? tunnels[0]?.name ?? '';
  return { tunnels, missing, base: base ?? standard };
}
