/** Packets that are becoming one super-packet. The twin of dataplane/path/merge-group.ts, which explains it. */
import { get16, get32, isEqual, set16 } from './bytes.ts';
import * as packet from './candidate.ts';
import { checksum, fold, sum, sumPseudo } from './checksum.ts';
import * as ip from './ip.ts';

const MAX_GROUP_LEN: usize = 65535;
const MAX_DATAGRAMS: u32 = 64;
const VIRTIO_LEN: usize = 10;
const NEEDS_CSUM: u32 = 1;
const GSO_TCP4: u32 = 1;
const GSO_TCP6: u32 = 4;
const GSO_UDP: u32 = 5;
const TCP_MIN_LEN: usize = 20;
const TCP_PSH: u32 = 0x08;
const TcpSequenceAt: usize = 4;
const TcpAcknowledgmentAt: usize = 8;
const TcpFlagsAt: usize = 13;
const TcpWindowAt: usize = 14;
const TcpChecksumAt: usize = 16;
const TcpUrgentAt: usize = 18;
const UdpLengthAt: usize = 4;
const UdpChecksumAt: usize = 6;

/** Lies at an address of its own; nothing is allocated. */
@unmanaged
export class Group {
  at: usize;
  end: usize;
  headerLen: usize;
  segmentLen: usize;
  count: u32;
  context: i32;
  isOpen: bool;
  isV4: bool;
  isPushed: bool;
  protocol: u32;
  upperAt: usize;
  nextSequence: u32;

  fits(len: usize): bool {
    const isClear = this.end - this.at >= this.headerLen << 1;
    return isClear && len > this.headerLen && this.hasRoom(len - this.headerLen);
  }

  start(len: usize, context: i32): void {
    this.end = this.at + len;
    this.count = 1;
    this.context = context;
    this.isOpen = packet.isMergeable && !packet.isPushed;
    if (!this.isOpen) return;
    this.headerLen = packet.headerLen;
    this.segmentLen = packet.payloadLen;
    this.isV4 = packet.isV4;
    this.protocol = packet.protocol;
    this.upperAt = packet.upperAt;
    this.isPushed = false;
    this.nextSequence = get32(this.at + packet.upperAt + TcpSequenceAt) + (packet.payloadLen as u32);
  }

  isFlowOf(at: usize, context: i32): bool {
    const portsAt = this.upperAt;
    if (packet.protocol !== this.protocol || packet.isV4 !== this.isV4) return false;
    if (load<u32>(at + portsAt) !== load<u32>(this.at + portsAt)) return false;
    const start = this.isV4 ? ip.Ipv4SourceAt : ip.Ipv6SourceAt;
    return context === this.context && isEqual(at + start, this.at + start, portsAt - start);
  }

  takes(at: usize): bool {
    if (!packet.isMergeable || packet.headerLen !== this.headerLen) return false;
    if (!this.hasRoom(packet.payloadLen)) return false;
    if (!(this.isV4 ? this.continuesIpv4(at) : this.continuesIpv6(at))) return false;
    return this.protocol === ip.UDP || this.continuesTcp(at + this.upperAt);
  }

  absorb(): void {
    const payloadLen = packet.payloadLen;
    this.end += payloadLen;
    this.count++;
    this.nextSequence += payloadLen as u32;
    this.isPushed = packet.isPushed;
    if (packet.isPushed || payloadLen < this.segmentLen) this.isOpen = false;
    if (this.protocol === ip.UDP && this.count >= MAX_DATAGRAMS) this.isOpen = false;
  }

  finish(): void {
    this.isOpen = false;
    const virtioAt = this.at - VIRTIO_LEN;
    store<u64>(virtioAt, 0);
    store<u16>(virtioAt, 0, 8);
    if (this.count === 1) return;
    const isTcp = this.protocol === ip.TCP;
    const len = this.end - this.at;
    const upperLen = (len - this.upperAt) as u32;
    const upperAt = this.at + this.upperAt;
    store<u8>(virtioAt, NEEDS_CSUM);
    store<u8>(virtioAt, isTcp ? (this.isV4 ? GSO_TCP4 : GSO_TCP6) : GSO_UDP, 1);
    store<u16>(virtioAt, this.headerLen as u16, 2);
    store<u16>(virtioAt, this.segmentLen as u16, 4);
    store<u16>(virtioAt, this.upperAt as u16, 6);
    store<u16>(virtioAt, isTcp ? (TcpChecksumAt as u16) : (UdpChecksumAt as u16), 8);
    this.setLength(len as u32);
    const pseudo = fold(sumPseudo(this.at, this.isV4, this.protocol, upperLen));
    if (isTcp) {
      if (this.isPushed) store<u8>(upperAt, load<u8>(upperAt, TcpFlagsAt) | TCP_PSH, TcpFlagsAt);
      store<u16>(upperAt, pseudo, TcpChecksumAt);
    } else {
      set16(upperAt + UdpLengthAt, upperLen);
      store<u16>(upperAt, pseudo === 0 ? 0xffff : pseudo, UdpChecksumAt);
    }
  }

  hasRoom(payloadLen: usize): bool {
    return payloadLen <= this.segmentLen && this.end - this.at + payloadLen <= MAX_GROUP_LEN;
  }

  setLength(len: u32): void {
    if (this.isV4) {
      set16(this.at + ip.Ipv4TotalLenAt, len);
      store<u16>(this.at, 0, ip.Ipv4ChecksumAt);
      store<u16>(this.at, checksum(sum(this.at, ip.IPV4_LEN)), ip.Ipv4ChecksumAt);
    } else {
      set16(this.at + ip.Ipv6PayloadLenAt, len - (ip.IPV6_LEN as u32));
    }
  }

  continuesIpv4(at: usize): bool {
    const first = this.at;
    if (load<u8>(at, 1) !== load<u8>(first, 1)) return false;
    if (load<u8>(at, ip.Ipv4TtlAt) !== load<u8>(first, ip.Ipv4TtlAt)) return false;
    const flag = get16(at + ip.Ipv4FragmentAt) & ip.IPV4_DONT_FRAGMENT;
    if (flag !== (get16(first + ip.Ipv4FragmentAt) & ip.IPV4_DONT_FRAGMENT)) return false;
    const nextId = (get16(first + ip.Ipv4IdAt) + this.count) & 0xffff;
    return flag !== 0 || get16(at + ip.Ipv4IdAt) === nextId;
  }

  continuesIpv6(at: usize): bool {
    if (load<u32>(at) !== load<u32>(this.at)) return false;
    return load<u8>(at, ip.Ipv6HopLimitAt) === load<u8>(this.at, ip.Ipv6HopLimitAt);
  }

  continuesTcp(upperAt: usize): bool {
    const first = this.at + this.upperAt;
    if (get32(upperAt + TcpSequenceAt) !== this.nextSequence) return false;
    if (load<u32>(upperAt, TcpAcknowledgmentAt) !== load<u32>(first, TcpAcknowledgmentAt)) return false;
    if (load<u16>(upperAt, TcpWindowAt) !== load<u16>(first, TcpWindowAt)) return false;
    if (load<u16>(upperAt, TcpUrgentAt) !== load<u16>(first, TcpUrgentAt)) return false;
    const optionsLen = this.headerLen - this.upperAt - TCP_MIN_LEN;
    return isEqual(upperAt + TCP_MIN_LEN, first + TCP_MIN_LEN, optionsLen);
  }
}
