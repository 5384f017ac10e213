/** VXLAN tunnels in tests: sockets of the product on loopback, frames in and out. */
import { Arena } from '../../../dataplane/io/arena.ts';
import { closeFd } from '../../../dataplane/io/eventfd.ts';
import type { VxlanPort, VxlanPortSpec } from '../../../dataplane/port/vxlan-port.ts';
import {
  openVxlanSocket,
  type VxlanSocket,
  type VxlanSocketOptions,
} from '../../../dataplane/port/vxlan-socket.ts';
import { VXLAN_FRAME_SPACE, VxlanTunnels } from '../../../dataplane/port/vxlan-tunnels.ts';

export const SEED = Uint32Array.of(0x12345679, 0x9abcdef1, 0x0fedcba9, 0x87654321, 5);
const BROADCAST = 'ffffffffffff';

export interface Received {
  readonly port: VxlanPort | null;
  readonly frame: Buffer;
}

export function specOf(overrides: Partial<VxlanPortSpec> = {}): VxlanPortSpec {
  return {
    id: 1,
    vni: 42,
    remotes: [],
    group: null,
    learnRemotes: false,
    maxRemotes: 16,
    maxStations: 64,
    mtuBytes: 65_535,
    ...overrides,
  };
}

/** A frame of `len` bytes between stations that are given as numbers; 0 is for all. */
export function frameOf(from: number, to: number, len = 60, fill = 0x5a): Buffer {
  const mac = (n: number) => (n === 0 ? BROADCAST : `0200${n.toString(16).padStart(8, '0')}`);
  const frame = Buffer.alloc(len, fill);
  // EtherType 0x88b5 is for local experiments.
  frame.set(Buffer.from(`${mac(to)}${mac(from)}88b5`, 'hex').subarray(0, len));
  return frame;
}

/** One socket and its tunnels, with memory like a worker's. */
export class VxlanRig {
  readonly socket: VxlanSocket;
  readonly tunnels: VxlanTunnels;
  readonly arena = new Arena(4 * VXLAN_FRAME_SPACE, true);
  readonly sendAt: number;

  constructor(socket: VxlanSocket) {
    this.socket = socket;
    const frameAt = this.arena.take(VXLAN_FRAME_SPACE);
    this.sendAt = this.arena.take(VXLAN_FRAME_SPACE) + 16;
    this.tunnels = new VxlanTunnels(socket, this.arena, frameAt, SEED);
  }

  add(overrides: Partial<VxlanPortSpec> = {}): VxlanPort {
    return this.tunnels.add(specOf(overrides));
  }

  /** Sends frames through a port at once. @returns What `transmit` said of each. */
  send(port: VxlanPort, ...frames: readonly Buffer[]): boolean[] {
    const taken = frames.map((frame) => {
      this.arena.bytes.set(frame, this.sendAt);
      return port.transmit(this.sendAt, frame.length);
    });
    this.tunnels.flush();
    return taken;
  }

  /** Everything that waits; loopback has delivered when a send returns. */
  drain(nowMs = 0): Received[] {
    const received: Received[] = [];
    // The first 0 may come without asking the kernel.
    for (let empty = 0; empty < 2; ) {
      const len = this.tunnels.receive(nowMs);
      if (len === 0) {
        empty++;
        continue;
      }
      const at = this.tunnels.frameAt;
      received.push({
        port: this.tunnels.lastPort,
        frame: Buffer.from(this.arena.bytes.slice(at, at + len)),
      });
    }
    return received;
  }

  close(): void {
    this.tunnels.close();
    this.arena.close();
    closeFd(this.socket.fd);
  }
}

/** Opens rigs and closes them all. */
export class VxlanRigs {
  readonly #rigs: VxlanRig[] = [];

  open(options: Partial<VxlanSocketOptions> = {}): VxlanRig {
    const rig = new VxlanRig(
      openVxlanSocket({ listen: '127.0.0.1', port: 0, device: null, groupTtl: 1, ...options }),
    );
    this.#rigs.push(rig);
    return rig;
  }

  close(): void {
    for (const rig of this.#rigs.splice(0)) rig.close();
  }
}
