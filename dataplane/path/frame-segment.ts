/**
 * Cuts a super-frame of the kernel's into the Ethernet frames it stands for.
 *
 *     begin
 *      1  frames that are complete go through as they are, whatever they hold
 *      2  Ethernet header and VLAN tags, whole         IEEE 802.3 §3.2, IEEE 802.1Q §9.6
 *      3  IP behind them: the header is kept aside, the packet is begun by itself
 *     next
 *      4  the header in front of each packet, over the end of the payload before it
 *
 * @see segment.ts, which does all that concerns the packet
 */
import type { PacketMemory } from '../sa/aead.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as virtio from '../wire/virtio-net.ts';
import type { Segmenter } from './segment.ts';

/** EtherType of an outer VLAN tag. @see IEEE 802.1Q §9.6 */
const SERVICE_TAG = 0x88a8;
const TAG_LEN = 4;
/** Two tags: the kernel gives no super-frame with more. */
const MAX_HEADER_LEN = ethernet.HEADER_LEN + 2 * TAG_LEN;
const TYPE_LEN = 2;

/**
 * As the segmenter it wraps, for frames; that one may be used for packets when no frame is begun.
 * Owned by one worker.
 */
export class FrameSegmenter implements Segmenter {
  readonly name: string;
  at = 0;
  readonly #inner: Segmenter;
  readonly #view: DataView;
  readonly #header = new DataView(new ArrayBuffer(MAX_HEADER_LEN + TYPE_LEN));
  /** Length of what is put in front of every packet. */
  #headerLen = 0;

  constructor(inner: Segmenter, memory: PacketMemory) {
    this.name = inner.name;
    this.#inner = inner;
    this.#view = memory.view;
  }

  /**
   * Takes the `len` bytes of a frame at `frameAt`, with their virtio_net_hdr in the 10 bytes before.
   *
   * @returns As the wrapped segmenter's. A frame that is to be cut but holds no IP is malformed.
   */
  begin(frameAt: number, len: number): number {
    const view = this.#view;
    const virtioAt = frameAt - virtio.HEADER_LEN;
    this.#headerLen = 0;
    if (len < ethernet.HEADER_LEN || virtioAt < 0 || frameAt + len > view.byteLength) {
      // Nothing to give: the next `next` must not give what was begun before.
      return this.#inner.begin(frameAt, 0);
    }
    const isSuper = virtio.gsoType(view, virtioAt) !== virtio.GsoType.none;
    if (!isSuper && !virtio.needsChecksum(view, virtioAt)) return this.#inner.begin(frameAt, len);
    const headerLen = findIp(view, frameAt, len);
    if (headerLen === 0) return this.#inner.begin(frameAt, isSuper ? 0 : len);
    const packetAt = frameAt + headerLen;
    this.#headerLen = headerLen;
    this.#copyHeader(view, frameAt, this.#header, 0);
    virtio.moveHeader(view, virtioAt, packetAt - virtio.HEADER_LEN, -headerLen);
    return this.#inner.begin(packetAt, len - headerLen);
  }

  next(): number {
    const len = this.#inner.next();
    const headerLen = this.#headerLen;
    this.at = this.#inner.at - headerLen;
    if (len === 0 || headerLen === 0) return len;
    this.#copyHeader(this.#header, 0, this.#view, this.at);
    return headerLen + len;
  }

  /** Its length is a number of words and the type. */
  #copyHeader(from: DataView, fromAt: number, to: DataView, toAt: number): void {
    const typeAt = this.#headerLen - TYPE_LEN;
    for (let i = 0; i < typeAt; i += 4) to.setInt32(toAt + i, from.getInt32(fromAt + i));
    to.setUint16(toAt + typeAt, from.getUint16(fromAt + typeAt));
  }
}

/** @returns Length of the headers in front of an IP packet, 0 where there is none behind two tags at most. */
function findIp(view: DataView, frameAt: number, len: number): number {
  let headerLen: number = ethernet.HEADER_LEN;
  let type = ethernet.etherType(view, frameAt);
  while (type === ethernet.EtherType.vlan || type === SERVICE_TAG) {
    headerLen += TAG_LEN;
    if (headerLen > MAX_HEADER_LEN || headerLen > len) return 0;
    type = view.getUint16(frameAt + headerLen - TYPE_LEN);
  }
  return type === ethernet.EtherType.ipv4 || type === ethernet.EtherType.ipv6 ? headerLen : 0;
}
