/** What the main thread and a queue worker say to each other. */
import type { PeerSpec, SaProgress, SaSpec } from '../contract.ts';
import type { TunOffloads } from '../port/tun.ts';

/** Given to a worker at its start. */
export interface WorkerSetup {
  readonly queue: number;
  /** Receives on the agent's port; in the reuseport group. */
  readonly udpFd: number;
  /** Sends; the same socket for queue 0, one with a port of its own for the others. */
  readonly sendFd: number;
  readonly socketFamily: number;
  /** Super-packets that the kernel's interfaces give and take. */
  readonly offloads: TunOffloads;
  /** Wakes the worker when a message waits. */
  readonly wakeFd: number;
  readonly controlPort: number;
  /** Counters of this worker: written by it alone, read by the main thread. */
  readonly counters: SharedArrayBuffer;
  readonly peerSlots: number;
  readonly flowHashKey: Uint8Array;
}

/** A virtual network. */
export interface NetworkSpec {
  readonly vni: number;
}

/** Where a network's packets come from and go to on this host, as one queue knows it. */
export interface PortSpec {
  readonly kind: 'tun';
  /** The queue's own descriptor. */
  readonly fd: number;
}

/** Main thread to worker. A request with an `id` is answered under the same id. */
export type WorkerCommand =
  | { readonly kind: 'addNetwork'; readonly network: NetworkSpec }
  | { readonly kind: 'removeNetwork'; readonly vni: number }
  | { readonly kind: 'addPort'; readonly vni: number; readonly port: PortSpec }
  | { readonly kind: 'setPeers'; readonly peers: readonly PeerSpec[] }
  | { readonly kind: 'removePeer'; readonly slot: number }
  | { readonly kind: 'learnEndpoint'; readonly slot: number; readonly words: Uint32Array }
  | { readonly kind: 'installRx'; readonly sas: readonly SaSpec[] }
  | { readonly kind: 'installTx'; readonly sas: readonly SaSpec[] }
  | { readonly kind: 'retireRx'; readonly spis: readonly number[]; readonly graceMs: number }
  | { readonly kind: 'removeRx'; readonly spis: readonly number[] }
  | { readonly kind: 'removeTx'; readonly slot: number }
  | { readonly kind: 'sendKeepalive'; readonly slot: number }
  | { readonly kind: 'progress'; readonly slot: number }
  | { readonly kind: 'stop' };

export interface WorkerRequest {
  readonly id: number;
  readonly command: WorkerCommand;
}

export interface WorkerProgress {
  readonly endpointWords: Uint32Array | null;
  readonly rx: readonly SaProgress[];
  /** The send SA in use, and the last one that it replaced. */
  readonly tx: readonly SaProgress[];
}

/** What a worker runs on. */
export interface WorkerReady {
  /** The AEAD's name. */
  readonly aead: string;
  /** What segmenter and coalescer are made in. */
  readonly offloadCode: string;
  /** For the operator, when a choice costs speed. */
  readonly warning: string | null;
}

/** Worker to main thread. */
export type WorkerReport =
  | ({ readonly kind: 'ready' } & WorkerReady)
  | { readonly kind: 'done'; readonly id: number; readonly result: WorkerProgress | null }
  | { readonly kind: 'refused'; readonly id: number; readonly code: string; readonly message: string }
  /** An authenticated packet came from a new outer address. */
  | { readonly kind: 'endpoint'; readonly slot: number; readonly words: Uint32Array }
  /** The path to a peer refused a frame as too large. */
  | { readonly kind: 'pathTooSmall'; readonly slot: number }
  /** Somebody removed a network's interface. */
  | { readonly kind: 'interfaceLost'; readonly vni: number }
  | { readonly kind: 'stopped' };
