/** Looks at one received packet. The twin of dataplane/path/merge-candidate.ts, which explains it. */
import { get16 } from './bytes.ts';
import { checksum, sum, sumPseudo } from './checksum.ts';
import * as ip from './ip.ts';

const IPV4_WITHOUT_OPTIONS: u32 = 0x45;
const TCP_MIN_LEN: usize = 20;
const TCP_ACK_PSH: u32 = 0x18;
const TCP_PSH: u32 = 0x08;
const TcpDataOffsetAt: usize = 12;
const TcpFlagsAt: usize = 13;
const UDP_LEN: usize = 8;
const UdpLengthAt: usize = 4;
const UdpChecksumAt: usize = 6;

/** Of the packet read last. */
export let isV4: bool = false;
export let protocol: u32 = 0;
export let hasFlow: bool = false;
export let isMergeable: bool = false;
export let upperAt: usize = 0;
export let headerLen: usize = 0;
export let payloadLen: usize = 0;
export let isPushed: bool = false;

/** @param mergeTcp Whether TCP may be merged at all; `mergeUdp` likewise. */
export function read(at: usize, len: usize, mergeTcp: bool, mergeUdp: bool): void {
  hasFlow = false;
  isMergeable = false;
  isPushed = false;
  if (!readIp(at, len)) return;
  const restLen = len - upperAt;
  if (protocol === ip.TCP) readTcp(at, restLen, mergeTcp);
  else if (protocol === ip.UDP) readUdp(at, restLen, mergeUdp);
}

function readIp(at: usize, len: usize): bool {
  if (len < ip.IPV4_LEN) return false;
  isV4 = load<u8>(at) === IPV4_WITHOUT_OPTIONS;
  if (isV4) {
    upperAt = ip.IPV4_LEN;
    protocol = load<u8>(at, ip.Ipv4ProtocolAt);
    const isFragment = (get16(at + ip.Ipv4FragmentAt) & ip.IPV4_FRAGMENT_MASK) !== 0;
    return !isFragment && (get16(at + ip.Ipv4TotalLenAt) as usize) === len;
  }
  if (len < ip.IPV6_LEN || load<u8>(at) >> 4 !== 6) return false;
  upperAt = ip.IPV6_LEN;
  protocol = load<u8>(at, ip.Ipv6NextHeaderAt);
  return ip.IPV6_LEN + get16(at + ip.Ipv6PayloadLenAt) === len;
}

function readTcp(at: usize, restLen: usize, isEnabled: bool): void {
  if (restLen < TCP_MIN_LEN) return;
  hasFlow = true;
  const offset: u32 = load<u8>(at + upperAt, TcpDataOffsetAt);
  const flags: u32 = load<u8>(at + upperAt, TcpFlagsAt);
  const tcpLen = ((offset >> 4) as usize) << 2;
  isPushed = (flags & TCP_PSH) !== 0;
  if (tcpLen < TCP_MIN_LEN || tcpLen >= restLen) return;
  headerLen = upperAt + tcpLen;
  payloadLen = restLen - tcpLen;
  if ((flags | TCP_PSH) !== TCP_ACK_PSH || (offset & 0x0f) !== 0) return;
  isMergeable = isEnabled && isIntact(at, restLen);
}

function readUdp(at: usize, restLen: usize, isEnabled: bool): void {
  if (restLen < UDP_LEN) return;
  hasFlow = true;
  headerLen = upperAt + UDP_LEN;
  payloadLen = restLen - UDP_LEN;
  if (payloadLen === 0 || (get16(at + upperAt + UdpLengthAt) as usize) !== restLen) return;
  if (load<u16>(at + upperAt, UdpChecksumAt) === 0) return;
  isMergeable = isEnabled && isIntact(at, restLen);
}

function isIntact(at: usize, restLen: usize): bool {
  if (isV4 && checksum(sum(at, ip.IPV4_LEN)) !== 0) return false;
  const pseudo = sumPseudo(at, isV4, protocol, restLen as u32);
  return checksum(pseudo + sum(at + upperAt, restLen)) === 0;
}
