/** Checks what a network announces and takes: only where it counts, and nothing that somebody else has. */
import type { PlacedNetwork } from './networks.ts';
import type { ConfigReader } from './section.ts';

export function checkAnnouncements(reader: ConfigReader, network: PlacedNetwork): void {
  if (network.mode === 'l2') checkL2(reader, network);
  else checkOwn(reader, network);
}

/** An l2 network knows where stations are by itself: keys that do nothing would look like ones that do. */
function checkL2(reader: ConfigReader, { path, members }: PlacedNetwork): void {
  const report = (at: readonly (string | number)[], key: string) => {
    if (reader.valueAt([...at, key]) === undefined) return;
    const hint = 'remove it: an l2 network forwards by MAC and has no routes';
    reader.report([...at, key], `${key} cannot hold in an l2 network`, hint);
  };
  report(path, 'announce');
  for (const member of members) report(member.path, 'accept_routes');
}

function checkOwn(reader: ConfigReader, { path, members, config }: PlacedNetwork): void {
  const owners = new Map(
    members.flatMap((member) =>
      member.config.allowedIps.map((prefix) => [prefix, member.config.name] as const),
    ),
  );
  for (const [index, prefix] of config.announce.entries()) {
    const at = [...path, 'announce', index];
    const owner = owners.get(prefix);
    if (owner !== undefined) {
      const hint = 'packets have one way only: remove it from one of the two';
      reader.report(at, `announce ${prefix} is in the allowed_ips of peer ${owner}`, hint);
    }
    if (config.announce.indexOf(prefix) < index) {
      reader.report(at, `announce ${prefix} stands here twice`, 'remove one');
    }
  }
}
