/**
 * Which TUN queue the kernel gives a packet to: always the same one for a flow.
 *
 * Left alone, the kernel sends a flow to the queue that last wrote a packet of its other direction
 * (tun_flow_update() in drivers/net/tun.c). That is the queue the peer's lane was steered to, so
 * each end follows the other; where they start on different lanes and packets cross under way,
 * the flow changes lanes once per way, for as long as it lasts, and what waits in one queue is
 * overtaken by what follows in the other. A program on the interface decides instead and never
 * changes its mind. Linux 4.16.
 *
 * @see include/uapi/linux/if_tun.h TUNSETSTEERINGEBPF
 */
import { randomFillSync } from 'node:crypto';
import { type Instruction, loadSocketFilter } from '../io/bpf.ts';
import { addressOf, close, ioctl, SystemCallError } from '../io/libc.ts';

const TUNSETSTEERINGEBPF = 0x800454e0;

/** Operations. Packet loads give host order, and past the packet they end the program with 0. */
const Op = {
  jump: 0x05,
  addReg: 0x0f,
  jumpIfEqual: 0x15,
  setLong: 0x18,
  loadWord: 0x20,
  loadHalf: 0x28,
  mulReg: 0x2f,
  loadByte: 0x30,
  loadWordAt: 0x40,
  jumpIfNotEqual: 0x55,
  and: 0x57,
  shiftLeft: 0x67,
  shiftRight: 0x77,
  exit: 0x95,
  xorReg: 0xaf,
  set: 0xb7,
  setReg: 0xbf,
} as const;

/** Registers. Packet loads want the context in the sixth, give in the first, and spoil those between. */
const Reg = { result: 0, context: 1, packet: 6, hash: 7, factor: 8, scratch: 9 } as const;

/** A step of the program, a jump with the label it goes to; or a label. */
type Step = readonly [operation: number, registers: number, constant: number, label?: string] | string;

/** Protocols whose first four bytes are ports: TCP, UDP, SCTP. */
const WITH_PORTS = [6, 17, 132] as const;
const ADDRESSES_4 = [12, 16];
const ADDRESSES_6 = [8, 12, 16, 20, 24, 28, 32, 36];
const FRAGMENT_AT_4 = 6;
const FRAGMENT_MASK = 0x3fff;
const PROTOCOL_AT = { ipv4: 9, ipv6: 6 } as const;
const IPV6_LEN = 40;

/**
 * Steers every flow to one queue, by a hash of its addresses and, where they directly follow the
 * IP header of a whole packet, its ports: all fragments of a packet go the same way.
 *
 * @param fd Any queue of the interface.
 * @throws {SystemCallError} where kernel or privileges do not allow it; the kernel goes on as before.
 */
export function steerByFlow(fd: number): void {
  const program = loadSocketFilter(steeringProgram(randomFillSync(new Uint32Array(4))));
  try {
    const argument = Buffer.alloc(128);
    argument.writeInt32LE(program);
    if (ioctl(fd, TUNSETSTEERINGEBPF, addressOf(argument)) < 0) {
      throw new SystemCallError('steer the flows of the TUN interface');
    }
  } finally {
    close(program);
  }
}

/**
 * The program: its result modulo the queues is the packet's.
 *
 * @param key Four random words, so that a sender can't easily aim flows at one queue.
 */
function steeringProgram(key: Uint32Array): Instruction[] {
  const [start = 0, startHigh = 0, factor = 0, factorHigh = 0] = key;
  return assemble([
    [Op.setReg, pair(Reg.packet, Reg.context), 0],
    [Op.setLong, pair(Reg.hash), start],
    [0, 0, startHigh],
    [Op.setLong, pair(Reg.factor), factor | 1],
    [0, 0, factorHigh],
    [Op.loadByte, 0, 0],
    [Op.shiftRight, pair(Reg.result), 4],
    [Op.jumpIfEqual, pair(Reg.result), 6, 'ipv6'],
    ...ADDRESSES_4.flatMap(absorbWord),
    [Op.loadHalf, 0, FRAGMENT_AT_4],
    [Op.and, pair(Reg.result), FRAGMENT_MASK],
    [Op.jumpIfNotEqual, pair(Reg.result), 0, 'done'],
    [Op.loadByte, 0, 0],
    [Op.and, pair(Reg.result), 0x0f],
    [Op.shiftLeft, pair(Reg.result), 2],
    [Op.setReg, pair(Reg.scratch, Reg.result), 0],
    [Op.loadByte, 0, PROTOCOL_AT.ipv4],
    [Op.jump, 0, 0, 'ports'],
    'ipv6',
    ...ADDRESSES_6.flatMap(absorbWord),
    [Op.set, pair(Reg.scratch), IPV6_LEN],
    [Op.loadByte, 0, PROTOCOL_AT.ipv6],
    'ports',
    ...WITH_PORTS.map((protocol): Step => [Op.jumpIfEqual, pair(Reg.result), protocol, 'absorb ports']),
    [Op.jump, 0, 0, 'done'],
    'absorb ports',
    [Op.loadWordAt, pair(0, Reg.scratch), 0],
    ...MIX,
    'done',
    [Op.setReg, pair(Reg.result, Reg.hash), 0],
    [Op.shiftRight, pair(Reg.result), 32],
    [Op.exit, 0, 0],
  ]);
}

/** Takes the result into the hash: its upper half, the better one, feeds back into the lower. */
const MIX: readonly Step[] = [
  [Op.addReg, pair(Reg.hash, Reg.result), 0],
  [Op.mulReg, pair(Reg.hash, Reg.factor), 0],
  [Op.setReg, pair(Reg.result, Reg.hash), 0],
  [Op.shiftRight, pair(Reg.result), 32],
  [Op.xorReg, pair(Reg.hash, Reg.result), 0],
  [Op.mulReg, pair(Reg.hash, Reg.factor), 0],
];

function absorbWord(at: number): readonly Step[] {
  return [[Op.loadWord, 0, at], ...MIX];
}

function pair(destination: number, source = 0): number {
  return (source << 4) | destination;
}

/** Makes labels distances. */
function assemble(steps: readonly Step[]): Instruction[] {
  const labels = new Map<string, number>();
  let count = 0;
  for (const step of steps) {
    if (typeof step === 'string') labels.set(step, count);
    else count++;
  }
  const out: Instruction[] = [];
  for (const step of steps) {
    if (typeof step === 'string') continue;
    const [operation, registers, constant, label] = step;
    const target = label === undefined ? out.length + 1 : (labels.get(label) ?? 0);
    out.push([operation, registers, target - out.length - 1, constant]);
  }
  return out;
}
