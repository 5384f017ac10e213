/** `icx rekey` for people. */
import type { PeerRekey, RekeyReport } from './admin-api.ts';
import { plural, printable } from './format.ts';

/** A block of lines for each peer whose keys were replaced. */
export function renderRekey(report: RekeyReport): string {
  const done = report.peers.filter((peer) => peer.ok);
  return done.map((peer) => `${peerLines(peer, nameIn(report, peer)).join('\n')}\n`).join('');
}

/** A peer that is in several networks comes once for each. */
function nameIn({ peers }: RekeyReport, { peer, vni }: PeerRekey): string {
  const repeats = peers.filter((other) => other.peer === peer).length > 1;
  return repeats && vni !== undefined ? `${printable(peer)} (vni ${vni})` : printable(peer);
}

function peerLines(peer: PeerRekey, name: string): string[] {
  return [
    `${name}: rekeyed in ${Math.round(peer.duration_ms)} ms`,
    `  rx: ${spis(peer.old.rx)} → ${spis(peer.new.rx)}`,
    `  tx: ${spis(peer.old.tx)} → ${spis(peer.new.tx)}`,
    `  packets lost: ${lost(peer)}`,
  ];
}

function spis(list: readonly string[]): string {
  return list.length === 0 ? '(none)' : list.join(' ');
}

function lost(peer: PeerRekey): string {
  return peer.lost_packets === null
    ? `not known, the peer did not tell (${peer.sent_packets} sent)`
    : `${peer.lost_packets} of ${peer.sent_packets}`;
}

/** What went wrong, a line a peer. A rekey that lost packets did not do what it promises. */
export function rekeyFailures(report: RekeyReport): string[] {
  return report.peers.flatMap((peer) => {
    const name = nameIn(report, peer);
    if (!peer.ok) return [`cannot rekey ${name}: ${failure(peer)}`];
    if ((peer.lost_packets ?? 0) === 0) return [];
    return [`the rekey of ${name} lost ${plural(peer.lost_packets ?? 0, 'packet')}`];
  });
}

/** The agent's words without the part that stands before them already. */
function failure(peer: PeerRekey): string {
  const words = peer.error ?? 'no reason given';
  const said = `Cannot rekey with ${peer.peer}: `;
  return printable(words.startsWith(said) ? words.slice(said.length) : words);
}
