/**
 * eBPF programs: loaded into the kernel, which checks and compiles them.
 *
 * @see bpf(2), Documentation/bpf/standardization/instruction-set.rst
 */
import { addressOf, SystemCallError, syscall } from './libc.ts';

/** Number of bpf(2), by Node's name of the machine. @see arch/<name>/include/asm/unistd.h */
const BPF_CALL: Readonly<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280, loong64: 280 };
const BPF_PROG_LOAD = 5;
const BPF_PROG_TYPE_SOCKET_FILTER = 1;
/** union bpf_attr up to and with kern_version and prog_flags. */
const ATTR_LEN = 48;
const INSTRUCTION_LEN = 8;
const ENOSYS = 38;

/** One instruction: operation, registers (destination in the low half), jump distance, constant. */
export type Instruction = readonly [code: number, registers: number, jump: number, constant: number];

/**
 * Loads a program that sees packets.
 *
 * @returns Its descriptor; the caller closes it.
 * @throws {SystemCallError} without CAP_BPF or CAP_SYS_ADMIN, and when the kernel refuses the program.
 */
export function loadSocketFilter(instructions: readonly Instruction[]): number {
  const call = BPF_CALL[process.arch];
  if (call === undefined) throw new SystemCallError(`load a BPF program on ${process.arch}`, ENOSYS);
  const program = Buffer.alloc(instructions.length * INSTRUCTION_LEN);
  instructions.forEach(([code, registers, jump, constant], i) => {
    program.writeUInt8(code, i * INSTRUCTION_LEN);
    program.writeUInt8(registers, i * INSTRUCTION_LEN + 1);
    program.writeInt16LE(jump, i * INSTRUCTION_LEN + 2);
    program.writeInt32LE(constant | 0, i * INSTRUCTION_LEN + 4);
  });
  // No helper of the kernel's is called that asks for a GPL licence.
  const license = Buffer.from('Apache-2.0\0');
  const attr = Buffer.alloc(ATTR_LEN);
  attr.writeUInt32LE(BPF_PROG_TYPE_SOCKET_FILTER, 0);
  attr.writeUInt32LE(instructions.length, 4);
  attr.writeBigUInt64LE(BigInt(addressOf(program)), 8);
  attr.writeBigUInt64LE(BigInt(addressOf(license)), 16);
  const fd = syscall(call, BPF_PROG_LOAD, addressOf(attr), ATTR_LEN);
  if (fd < 0) throw new SystemCallError('load a BPF program');
  return fd;
}
