/** What other people's dissectors make of captured packets. */
import { execFileSync } from 'node:child_process';
import { programPath } from './tools.ts';

export interface Dissected {
  /** Headers as tshark names them, outermost first: `eth:ethertype:ip:udp:vxlan:eth:…`. */
  readonly protocols: string;
  readonly vnis: readonly string[];
  /** Whether it has the word of tshark that something in it can't be. */
  readonly isMalformed: boolean;
  /** Whether a checksum of IP, inner or outer, or of TCP is wrong. UDP's are unfinished where no card sends. */
  readonly isDamaged: boolean;
}

const CHECKSUMS = ['ip', 'tcp'] as const;
const FIELDS = [
  'frame.protocols',
  'vxlan.vni',
  '_ws.malformed',
  ...CHECKSUMS.map((p) => `${p}.checksum.status`),
];
const BAD_CHECKSUM = '0';

/** Packets of a pcap file by tshark. @param filter Display filter. */
export function dissect(file: string, filter: string): Dissected[] {
  const options = CHECKSUMS.flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
  const fields = FIELDS.flatMap((field) => ['-e', field]);
  const argv = ['-r', file, '-Y', filter, '-T', 'fields', '-E', 'separator=|', ...options, ...fields];
  return run('tshark', argv).map((line) => {
    const [protocols = '', vnis = '', malformed = '', ...checksums] = line.split('|');
    return {
      protocols,
      vnis: vnis.split(','),
      isMalformed: malformed !== '',
      isDamaged: checksums.some((states) => states.split(',').includes(BAD_CHECKSUM)),
    };
  });
}

/** Packets of a pcap file by tcpdump, a line or more each, with link headers. @param filter As in pcap-filter(7). */
export function dump(file: string, filter: string): string[] {
  return run('tcpdump', ['-nn', '-e', '-v', '-r', file, ...filter.split(' ')]);
}

function run(program: string, argv: readonly string[]): string[] {
  const output = execFileSync(programPath(program) ?? program, argv, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return output.split('\n').filter(Boolean);
}
