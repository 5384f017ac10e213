/** What a datagram leaves on the heap on its way through a relay and back: nothing. */
import { afterEach, expect, test } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { addressOf, bind, close, recvfrom, sendto, socket } from '../../../dataplane/io/libc.ts';
import { setBuffers } from '../../../dataplane/io/socket-option.ts';
import { boundPort } from '../../../dataplane/port/udp-socket.ts';
import { DenyList } from '../../../dataplane/relay/deny-list.ts';
import { AF_INET, parseEndpoint, SOCKADDR_IN_LEN, writeSockaddr } from '../../../dataplane/wire/endpoint.ts';
import { takeRelayBuffer } from '../../../dataplane/worker/relay-buffer.ts';
import { RelaySource } from '../../../dataplane/worker/relay-source.ts';
import { allocatedPerCall } from '../../support/heap-growth.ts';
import { udpPacket } from '../relay/packets.ts';
import { LOOPBACK_ALLOWED } from './relay-rig.ts';

const SOCK_DGRAM_NONBLOCK = 2 | 0x800;
const TURN = 16;
const WARM_UP = 100_000;
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step();
});

/** Sends back what it gets, without a thing on the heap. */
class Echo {
  readonly port: number;
  readonly #fd = socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0);
  readonly #arena = new Arena(131_072, true);
  readonly #dataAt = this.#arena.base + this.#arena.take(65_536);
  readonly #nameAt = this.#arena.take(64);

  constructor() {
    setBuffers(this.#fd, 4 << 20, 4 << 20);
    const words = parseEndpoint({ address: '127.0.0.1', port: 1 });
    words[4] = 0;
    const name = new Uint8Array(64);
    writeSockaddr(new DataView(name.buffer), 0, words, AF_INET);
    expect(bind(this.#fd, addressOf(name), SOCKADDR_IN_LEN)).toBe(0);
    this.port = boundPort(this.#fd);
    undo.push(() => {
      close(this.#fd);
      this.#arena.close();
    });
  }

  answer(): void {
    const name = this.#arena.base + this.#nameAt;
    const lenAt = this.#nameAt + 32;
    for (;;) {
      this.#arena.view.setUint32(lenAt, SOCKADDR_IN_LEN, true);
      const len = recvfrom(this.#fd, this.#dataAt, 65_536, 0, name, this.#arena.base + lenAt);
      if (len < 0) return;
      sendto(this.#fd, this.#dataAt, len, 0, name, SOCKADDR_IN_LEN);
    }
  }
}

test('datagrams of sessions that are open, and their answers, allocate nothing', { timeout: 120_000 }, () => {
  const arena = new Arena(512 << 10, true);
  const relay = new RelaySource(arena, takeRelayBuffer(arena), {
    denyList: new DenyList(LOOPBACK_ALLOWED),
    addresses: { v4: '10.77.0.1', v6: null },
    resolver: null,
  });
  undo.push(() => {
    relay.close();
    arena.close();
  });
  const echo = new Echo();
  let delivered = 0;
  const guest = {
    id: 1,
    mtuBytes: 1_280,
    deliver: () => {
      delivered++;
    },
  };
  // Some sessions, and runs of some lengths; those of 1,400 come back in fragments.
  const packets = Array.from({ length: 8 }, (_, i) => {
    const data = new Uint8Array(i === 7 ? 1_400 : 700 + (i & 1));
    const packet = udpPacket({
      from: '10.77.0.9',
      fromPort: 1 + (i >>> 1),
      to: '127.0.0.1',
      toPort: echo.port,
      data,
    });
    const at = arena.take(2_048);
    arena.bytes.set(packet, at);
    return { at, len: packet.length };
  });
  const nowMs = 1e12 + 0.5;
  const turn = () => {
    relay.flush();
    echo.answer();
    relay.take(nowMs);
  };
  let i = 0;
  const step = () => {
    const packet = packets[(i >>> 1) & 7];
    if (packet !== undefined) relay.accept(packet.at, packet.len, guest, nowMs);
    if (i++ % TURN === TURN - 1) turn();
  };
  // What runs once a turn is compiled late, and until then its numbers are objects.
  for (let warm = 0; warm < WARM_UP; warm++) step();
  const allocated = allocatedPerCall(10_000, step);
  turn();
  const { opened, txDatagrams, rxDatagrams } = relay.counters();
  expect([opened, txDatagrams, rxDatagrams]).toEqual([4, i, i]);
  expect(delivered).toBeGreaterThan(i);
  expect(allocated).toBeLessThan(1);
});
