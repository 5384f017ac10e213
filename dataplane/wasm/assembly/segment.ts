/** Cuts a super-packet into the packets it stands for. The twin of dataplane/path/segment.ts, which explains it. */
import { copyHeader, get16, get32, set16, set32 } from './bytes.ts';
import { checksum, sum, sumPseudo, swapped } from './checksum.ts';
import * as ip from './ip.ts';

const VIRTIO_LEN: usize = 10;
const NEEDS_CSUM: u32 = 1;
const GSO_ECN: u32 = 0x80;
const GSO_NONE: u32 = 0;
const GSO_TCP4: u32 = 1;
const GSO_TCP6: u32 = 4;
const GSO_UDP: u32 = 5;
const MAX_HEADER_LEN: usize = 512;
const UDP_LEN: usize = 8;
const TCP_MIN_LEN: usize = 20;

const TCP_FIN_PSH: u32 = 0x09;
const TCP_CWR: u32 = 0x80;
const TcpSequenceAt: usize = 4;
const TcpDataOffsetAt: usize = 12;
const TcpFlagsAt: usize = 13;
const TcpChecksumAt: usize = 16;
const UdpLengthAt: usize = 4;
const UdpChecksumAt: usize = 6;

let templateAt: usize = 0;
let isPlain: bool = true;
let isTcp: bool = false;
let isV4: bool = false;
let firstAt: usize = 0;
let endAt: usize = 0;
let upperAt: usize = 0;
let headerLen: usize = 0;
let segmentLen: usize = 0;
let count: usize = 0;
let index: usize = 0;
let ipSum: u64 = 0;
let upperSum: u64 = 0;
let id: u32 = 0;
let sequence: u32 = 0;
let flags: u32 = 0;

/** @param at Address of 512 bytes of scratch. */
export function initSegments(at: usize): void {
  templateAt = at;
}

export function beginSegments(packetAt: usize, len: usize): usize {
  index = 0;
  count = 0;
  const memoryLen = (memory.size() as usize) << 16;
  if (len === 0 || packetAt < VIRTIO_LEN || packetAt > memoryLen || len > memoryLen - packetAt) return 0;
  firstAt = packetAt;
  endAt = packetAt + len;
  const virtioAt = packetAt - VIRTIO_LEN;
  const type: u32 = load<u8>(virtioAt, 1) & ~GSO_ECN;
  const isSummed = (load<u8>(virtioAt) & NEEDS_CSUM) !== 0;
  if (type === GSO_NONE) return beginPlain(virtioAt, len, isSummed);
  if (!findHeaders(type, len) || !findCut(virtioAt, isSummed)) return 0;
  prepare(isSummed);
  const payloadLen = endAt - packetAt - headerLen;
  count = payloadLen === 0 ? 1 : (payloadLen + segmentLen - 1) / segmentLen;
  return count;
}

function beginPlain(virtioAt: usize, len: usize, isSummed: bool): usize {
  isPlain = true;
  if (isSummed) {
    const start: usize = load<u16>(virtioAt, 6);
    const fieldAt = start + load<u16>(virtioAt, 8);
    if (start < ip.IPV4_LEN || fieldAt + 2 > len) return 0;
    const value = checksum(sum(firstAt + start, len - start));
    store<u16>(firstAt + fieldAt, value === 0 ? 0xffff : value);
  }
  count = 1;
  return 1;
}

function findHeaders(type: u32, len: usize): bool {
  if (!ip.findUpper(firstAt, len)) return false;
  isPlain = false;
  isV4 = ip.isV4;
  upperAt = ip.upperAt;
  endAt = firstAt + ip.totalLen;
  const restLen = ip.totalLen - upperAt;
  if (type === GSO_UDP) {
    isTcp = false;
    headerLen = upperAt + UDP_LEN;
    return ip.protocol === ip.UDP && restLen >= UDP_LEN;
  }
  if (type !== (isV4 ? GSO_TCP4 : GSO_TCP6)) return false;
  if (ip.protocol !== ip.TCP || restLen < TCP_MIN_LEN) return false;
  const tcpLen: usize = (load<u8>(firstAt + upperAt, TcpDataOffsetAt) >> 4) << 2;
  isTcp = true;
  headerLen = upperAt + tcpLen;
  return tcpLen >= TCP_MIN_LEN && tcpLen <= restLen;
}

function findCut(virtioAt: usize, isSummed: bool): bool {
  segmentLen = load<u16>(virtioAt, 4);
  if (segmentLen === 0 || headerLen > MAX_HEADER_LEN) return false;
  return !isSummed || (load<u16>(virtioAt, 6) as usize) === upperAt;
}

function prepare(isSummed: bool): void {
  copyHeader(templateAt, firstAt, headerLen);
  if (isV4) {
    id = get16(firstAt + ip.Ipv4IdAt);
    store<u32>(templateAt, 0, ip.Ipv4TotalLenAt); // and the id behind it
    store<u16>(templateAt, 0, ip.Ipv4ChecksumAt);
    ipSum = sum(templateAt, upperAt);
  }
  const at = templateAt + upperAt;
  if (isTcp) {
    sequence = get32(at + TcpSequenceAt);
    flags = load<u8>(at, TcpFlagsAt);
    store<u32>(at, 0, TcpSequenceAt);
    store<u8>(at, 0, TcpFlagsAt);
    store<u16>(at, 0, TcpChecksumAt);
  } else {
    store<u32>(at, 0, UdpLengthAt); // and the checksum behind it
  }
  upperSum = pseudoSum(isSummed) + sum(at, headerLen - upperAt);
}

function pseudoSum(isSummed: bool): u64 {
  if (!isSummed) return sumPseudo(firstAt, isV4, isTcp ? ip.TCP : ip.UDP, 0);
  const at = firstAt + upperAt;
  const field: u64 = load<u16>(at + (isTcp ? TcpChecksumAt : UdpChecksumAt));
  return field + swapped(~((endAt - at) as u32) & 0xffff);
}

export function nextSegment(): usize {
  if (index >= count) return 0;
  const i = index++;
  if (isPlain) return endAt - firstAt;
  const at = firstAt + i * segmentLen;
  const payloadAt = at + headerLen;
  const payloadLen = min(segmentLen, endAt - payloadAt);
  const len = headerLen + payloadLen;
  const payloadSum = sum(payloadAt, payloadLen);
  if (i > 0) copyHeader(at, templateAt, headerLen);
  if (isV4) finishIpv4(at, len as u32, i as u32);
  else set16(at + ip.Ipv6PayloadLenAt, (len - ip.IPV6_LEN) as u32);
  const upperLen = (len - upperAt) as u32;
  if (isTcp) finishTcp(at + upperAt, upperLen, payloadSum, i as u32);
  else finishUdp(at + upperAt, upperLen, payloadSum);
  return len;
}

function finishIpv4(at: usize, len: u32, i: u32): void {
  const ownId = (id + i) & 0xffff;
  set16(at + ip.Ipv4TotalLenAt, len);
  set16(at + ip.Ipv4IdAt, ownId);
  store<u16>(at, checksum(ipSum + swapped(len) + swapped(ownId)), ip.Ipv4ChecksumAt);
}

function finishTcp(at: usize, upperLen: u32, payloadSum: u64, i: u32): void {
  let own = flags;
  if (i > 0) own &= ~TCP_CWR;
  if (i + 1 < (count as u32)) own &= ~TCP_FIN_PSH;
  set32(at + TcpSequenceAt, sequence + i * (segmentLen as u32));
  store<u8>(at, own, TcpFlagsAt);
  const changed = (load<u32>(at, TcpSequenceAt) as u64) + swapped(own) + swapped(upperLen);
  store<u16>(at, checksum(upperSum + changed + payloadSum), TcpChecksumAt);
}

function finishUdp(at: usize, upperLen: u32, payloadSum: u64): void {
  set16(at + UdpLengthAt, upperLen);
  const value = checksum(upperSum + 2 * swapped(upperLen) + payloadSum);
  store<u16>(at, value === 0 ? 0xffff : value, UdpChecksumAt);
}
