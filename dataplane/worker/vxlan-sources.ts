/** The VXLAN sockets of one queue, each shared by the ports that use it. */
import { VxlanPort } from '../port/vxlan-port.ts';
import { VxlanTunnels } from '../port/vxlan-tunnels.ts';
import type { LocalPort } from './local-port.ts';
import type { LocalPortSpec } from './messages.ts';
import type { QueueLoop } from './queue-loop.ts';
import type { SwitchedLink } from './switched-link.ts';
import { VxlanSource } from './vxlan-source.ts';

/** Frames of other ports begin where their IP header is aligned, these where the Ethernet header is. */
const ALIGN = 8;

/** Owned by the queue's worker. */
export class VxlanSources {
  readonly #loop: QueueLoop;
  /** By descriptor. */
  readonly #sources = new Map<number, VxlanSource>();

  constructor(loop: QueueLoop) {
    this.#loop = loop;
  }

  /** Adds a port to its socket. @throws {RangeError | VxlanError} with nothing changed. */
  add(spec: LocalPortSpec & { readonly kind: 'vxlan' }, link: SwitchedLink): void {
    const source = this.#sources.get(spec.socket.fd) ?? this.#open(spec.socket);
    try {
      this.#addTo(source, spec, link);
    } finally {
      this.#closeUnused(source);
    }
  }

  #addTo(source: VxlanSource, spec: LocalPortSpec & { readonly kind: 'vxlan' }, link: SwitchedLink): void {
    const port = source.tunnels.add(spec.tunnel);
    try {
      source.add(port, link.addLocal(spec.id, port, spec.maxStations), link);
    } catch (error) {
      source.remove(port);
      throw error;
    }
  }

  /** Takes a port from its socket; one of another kind is fine. */
  remove(local: LocalPort): void {
    const { port } = local;
    const source = port instanceof VxlanPort ? this.#sources.get(port.fd) : undefined;
    if (source === undefined || !(port instanceof VxlanPort)) return;
    source.remove(port);
    this.#closeUnused(source);
  }

  #open(socket: (LocalPortSpec & { readonly kind: 'vxlan' })['socket']): VxlanSource {
    const { arena, frameAt } = this.#loop.parts;
    const tunnels = new VxlanTunnels(socket, arena, Math.ceil(frameAt / ALIGN) * ALIGN);
    const source = new VxlanSource(tunnels);
    try {
      this.#loop.addSource(source);
    } catch (error) {
      tunnels.close();
      throw error;
    }
    this.#loop.addOutlet(source);
    this.#sources.set(source.fd, source);
    return source;
  }

  #closeUnused(source: VxlanSource): void {
    if (source.size > 0) return;
    this.#loop.removeSource(source);
    this.#loop.removeOutlet(source);
    this.#sources.delete(source.fd);
    source.tunnels.close();
  }
}
