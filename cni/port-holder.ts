/**
 * Finds the process that listens on a port of the host. Published, the port would be taken from it without
 * a word: netfilter gets packets before sockets do.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { formatIp, type IpWords, isMappedV4 } from '../dataplane/wire/ip-text.ts';
import type { PortMapping } from './attach-api.ts';
import { addressesMeet } from './port-conflict.ts';

/** A socket that takes what comes to its port. */
interface Listener {
  /** Undefined when it takes packets of both families to every address. */
  readonly address: string | undefined;
  readonly port: number;
  readonly inode: string;
}

/** TCP_LISTEN; and TCP_CLOSE, which is what an unconnected UDP socket is in. @see proc(5) */
const STATE = { tcp: '0A', udp: '07' } as const;
/** SCTP_SS_LISTENING. */
const SCTP_LISTENING = '10';

/**
 * @param proc Where proc(5) is; its `net` is that of the network namespace of the calling process.
 * @returns a name such as "nginx (pid 123)", or null when nobody has the port.
 */
export function findPortHolder(mapping: PortMapping, proc = '/proc'): string | null {
  const holder = listeners(mapping.protocol, proc).find(
    ({ port, address }) =>
      port === mapping.hostPort && !isLoopback(address) && addressesMeet(address, mapping.hostIP),
  );
  return holder === undefined ? null : processName(holder.inode, proc);
}

/** Published ports are not those of loopback addresses. */
function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (address.startsWith('127.') || address === '::1');
}

function listeners(protocol: PortMapping['protocol'], proc: string): Listener[] {
  if (protocol === 'sctp') return readRows(join(proc, 'net/sctp/eps')).flatMap(readSctp);
  const state = STATE[protocol];
  return ['', '6'].flatMap((suffix) =>
    readRows(join(proc, `net/${protocol}${suffix}`)).flatMap((row) => readInet(row, state)),
  );
}

/** The words of each line below the heading. No file: the kernel does not know the protocol. */
function readRows(path: string): string[][] {
  try {
    const [, ...lines] = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => line.trim().split(/\s+/));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode` */
function readInet(row: readonly string[], wantedState: string): Listener[] {
  const [, local = '', , state = '', , , , , , inode = ''] = row;
  const [address = '', port = ''] = local.split(':');
  if (state !== wantedState || !/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(address)) return [];
  return [{ address: addressText(address), port: Number.parseInt(port, 16), inode }];
}

/** Words of the address in network order, each printed as a number of the host's order. */
function addressText(hex: string): string | undefined {
  const word = (index: number) => hostToNetwork(Number.parseInt(hex.slice(index * 8, index * 8 + 8), 16));
  if (hex.length === 8) return formatIp(4, [word(0), 0, 0, 0]);
  const words: IpWords = [word(0), word(1), word(2), word(3)];
  if (isMappedV4(words)) return formatIp(4, [words[3], 0, 0, 0]);
  // IPV6_V6ONLY is not told; without it, which is usual, the socket has IPv4 packets, too.
  return words.every((part) => part === 0) ? undefined : formatIp(6, words);
}

const WORD = new DataView(new ArrayBuffer(4));
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function hostToNetwork(value: number): number {
  WORD.setUint32(0, value, LITTLE_ENDIAN);
  return WORD.getUint32(0);
}

/** `ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS` */
function readSctp(row: readonly string[]): Listener[] {
  const [, , , state, , port, , inode = '', ...addresses] = row;
  if (state !== SCTP_LISTENING) return [];
  return addresses.map((address) => ({
    address: address === '::' ? undefined : address,
    port: Number(port),
    inode,
  }));
}

/** Found by its descriptors, which only root may see of all processes. */
function processName(inode: string, proc: string): string {
  const target = `socket:[${inode}]`;
  const pid = names(proc)
    .filter((name) => /^\d+$/.test(name))
    .find((candidate) => {
      const dir = join(proc, candidate, 'fd');
      return names(dir).some((descriptor) => linkOf(join(dir, descriptor)) === target);
    });
  if (pid === undefined) return 'another process';
  return `${commandOf(join(proc, pid, 'comm'))} (pid ${pid})`;
}

/** Processes end while they are looked at. */
function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function commandOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'a process';
  }
}
