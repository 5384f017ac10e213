/** What Ethernet frames come from and go to, whatever carries them. */

/** Frames and their bytes, without what carries them. */
export interface PortCounts {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  rxDropped: number;
  txDropped: number;
}

export interface FramePort {
  readonly fd: number;
  /** Whether frames carry a virtio_net_hdr in front: they may be super-frames, and may lack checksums. */
  readonly hasOffloads: boolean;
  /** Offset of the frame that `receive` gave. */
  readonly frameAt: number;
  /** @returns Length of the frame at `frameAt`; 0 when there is none; counts and skips bad ones. */
  receive(): number;
  /** Sends a complete frame; the 10 bytes before it may be overwritten. Never blocks. @returns Whether it was taken. */
  transmit(at: number, len: number): boolean;
  /** As `transmit` for a super-frame with its virtio_net_hdr in the 10 bytes before; only where hasOffloads. */
  transmitSuper(at: number, len: number): boolean;
  readonly counts: PortCounts;
}
