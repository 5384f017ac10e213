/** Unix datagram sockets as virtual machines have them, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Arena } from '../../../dataplane/io/arena.ts';
import {
  addressOf,
  bind,
  close,
  connect,
  recvfrom,
  sendto,
  socket,
  socketpair,
} from '../../../dataplane/io/libc.ts';
import { DgramPort } from '../../../dataplane/port/dgram-port.ts';
import {
  adoptDgramPort,
  type DgramOptions,
  type DgramSpec,
  openDgramPort,
} from '../../../dataplane/port/dgram-socket.ts';
import { takeFrameBuffer } from '../../../dataplane/port/frame-port.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0x800;
const READ_LEN = 70_000;

/** `struct sockaddr_un`; '' is no address: the socket stays unnamed. */
function sockaddr(path: string): Buffer {
  return Buffer.concat([
    Buffer.from([AF_UNIX, 0]),
    Buffer.from(path),
    Buffer.alloc(path.length < 108 ? 1 : 0),
  ]);
}

/** A machine's socket. */
export class Machine {
  readonly fd: number;

  constructor(fd = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0)) {
    this.fd = fd;
  }

  bind(path: string): this {
    const address = sockaddr(path);
    if (bind(this.fd, addressOf(address), address.length) < 0) throw new Error(`cannot bind ${path}`);
    return this;
  }

  connect(path: string): this {
    const address = sockaddr(path);
    if (connect(this.fd, addressOf(address), address.length) < 0) throw new Error(`cannot connect ${path}`);
    return this;
  }

  /** @param to Null where it is connected. @returns Whether it was taken. */
  send(to: string | null, bytes: Uint8Array): boolean {
    const address = to === null ? Buffer.alloc(0) : sockaddr(to);
    // Never empty: there would be no memory to tell the address of.
    const own = Buffer.concat([bytes, Buffer.alloc(128)]);
    const name = Buffer.concat([address, Buffer.alloc(128)]);
    const nameAddress = to === null ? 0 : addressOf(name);
    return sendto(this.fd, addressOf(own), bytes.length, 0, nameAddress, address.length) >= 0;
  }

  /** All that waits. */
  drain(): Buffer[] {
    const out: Buffer[] = [];
    const bytes = Buffer.alloc(READ_LEN);
    for (;;) {
      const len = recvfrom(this.fd, addressOf(bytes), READ_LEN, 0, 0, 0);
      if (len < 0) return out;
      out.push(Buffer.from(bytes.subarray(0, len)));
    }
  }
}

/** A port in the hands of a worker. */
export class PortRig {
  readonly arena = new Arena(1 << 18, true);
  readonly port: DgramPort;
  readonly #sendAt: number;

  constructor(spec: DgramSpec) {
    this.port = new DgramPort(spec, this.arena, takeFrameBuffer(this.arena));
    this.#sendAt = this.arena.take(READ_LEN);
  }

  /** All frames that wait. */
  drain(): Buffer[] {
    const { port, arena } = this;
    const out: Buffer[] = [];
    for (let len = port.receive(); len > 0; len = port.receive()) {
      out.push(Buffer.from(arena.bytes.slice(port.frameAt, port.frameAt + len)));
    }
    return out;
  }

  send(frame: Uint8Array): boolean {
    this.arena.bytes.set(frame, this.#sendAt);
    return this.port.transmit(this.#sendAt, frame.length);
  }
}

/** A directory for socket files, and all that was opened there. */
export class SocketRoom {
  readonly #directory = mkdtempSync(join(tmpdir(), 'icx-dgram-'));
  readonly #fds: number[] = [];

  path(name: string): string {
    return join(this.#directory, name);
  }

  open(options: Partial<DgramOptions> = {}): DgramSpec {
    const spec = openDgramPort({ path: this.path('port'), remote: null, mtuBytes: 1_500, ...options });
    this.#fds.push(spec.fd);
    return spec;
  }

  /** @param path Name in the room, null for a socket that is bound to nothing. */
  machine(path: string | null): Machine {
    const machine = new Machine();
    this.#fds.push(machine.fd);
    return path === null ? machine : machine.bind(this.path(path));
  }

  /** A port and a machine at the ends of a pair. */
  pair(mtuBytes = 1_500): { readonly spec: DgramSpec; readonly vm: Machine } {
    const fds = Buffer.alloc(128);
    if (socketpair(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0, addressOf(fds)) < 0)
      throw new Error('cannot make a pair');
    const [ours, theirs] = [fds.readInt32LE(0), fds.readInt32LE(4)];
    this.#fds.push(ours, theirs);
    return { spec: adoptDgramPort(ours, mtuBytes), vm: new Machine(theirs) };
  }

  /** Closes one before its time. */
  close(fd: number): void {
    this.#fds.splice(this.#fds.indexOf(fd), 1);
    close(fd);
  }

  clear(): void {
    for (const fd of this.#fds.splice(0)) close(fd);
    rmSync(this.#directory, { recursive: true });
  }
}

/** A frame that tells which it is. */
export function frameOf(number: number, len = 60): Buffer {
  const frame = Buffer.alloc(len, number & 0xff);
  if (len >= 18) frame.writeUInt32BE(number, 14);
  return frame;
}
