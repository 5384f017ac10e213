/**
 * Keeps the QUIC library from talking to anyone but peers.
 *
 * Version 1.1.0 looks for a router that would forward a port: on hosts with a default route it
 * multicasts an SSDP search (UPnP) whenever an endpoint is made, and its JavaScript interface
 * has no switch for that. QUIC goes out by sendmsg(2), the search by sendto(2): so the
 * library's threads are started under a seccomp filter that fails sendto(2) to an IPv4 address.
 *
 * Filters pass from a thread to those it starts. A short-lived worker takes the filter on and
 * is the first to load the library, so that the library's threads have it and nobody else.
 */
import { Worker } from 'node:worker_threads';

/** Linux system call numbers and audit architectures. @see asm/unistd.h, linux/audit.h */
const MACHINES: Record<string, Machine> = {
  x64: { audit: 0xc000_003e, sendto: 44, prctl: 157, seccomp: 317 },
  arm64: { audit: 0xc000_00b7, sendto: 206, prctl: 167, seccomp: 277 },
};

interface Machine {
  readonly audit: number;
  readonly sendto: number;
  readonly prctl: number;
  readonly seccomp: number;
}

/** One instruction of classic BPF: code, jump if true, jump if false, operand. */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];

/** @see linux/filter.h */
const Bpf = { loadWord: 0x20, jumpIfEqual: 0x15, return: 0x06 } as const;
/** Offsets in struct seccomp_data. @see linux/seccomp.h */
const DataAt = { number: 0, audit: 4, addressLen: 16 + 5 * 8 } as const;
const SOCKADDR_IN_LEN = 16;
const ALLOW = 0x7fff_0000;
const FAIL_WITH_EPERM = 0x0005_0001;

function filterFor(machine: Machine): Instruction[] {
  return [
    [Bpf.loadWord, 0, 0, DataAt.audit],
    [Bpf.jumpIfEqual, 0, 5, machine.audit],
    [Bpf.loadWord, 0, 0, DataAt.number],
    [Bpf.jumpIfEqual, 0, 3, machine.sendto],
    [Bpf.loadWord, 0, 0, DataAt.addressLen],
    [Bpf.jumpIfEqual, 0, 1, SOCKADDR_IN_LEN],
    [Bpf.return, 0, 0, FAIL_WITH_EPERM],
    [Bpf.return, 0, 0, ALLOW],
  ];
}

/** CommonJS, as text: it has to run from the sources as well as from the build. */
const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { createRequire } = require('node:module');
  const load = createRequire(workerData.from);
  const koffi = load('koffi');
  const Instruction = koffi.struct({ code: 'uint16', jt: 'uint8', jf: 'uint8', k: 'uint32' });
  const Program = koffi.struct({ len: 'uint16', filter: koffi.pointer(Instruction) });
  const libc = koffi.load(null);
  const numbers = libc.func('syscall', 'long', ['long', 'long', 'long', 'long', 'long', 'long']);
  const withProgram = libc.func('syscall', 'long', ['long', 'long', 'long', koffi.pointer(Program)]);
  const { machine, filter } = workerData;
  const PR_SET_NO_NEW_PRIVS = 38, SECCOMP_SET_MODE_FILTER = 1, SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4;
  numbers(machine.prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const program = { len: filter.length, filter: filter.map(([code, jt, jf, k]) => ({ code, jt, jf, k })) };
  const failed = withProgram(machine.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, program);
  if (failed !== 0) throw new Error('seccomp(2) failed');
  // An empty builder cannot bind; asking it starts the library's threads.
  load('@number0/iroh/index.js').Endpoint.builder().bind().catch(() => {}).then(() => parentPort.postMessage('ready'));
  parentPort.once('message', () => {});
`;

/**
 * Runs `loadLibrary` once the library's threads exist under the filter.
 *
 * @param from URL of the module that loads the library; it is resolved from there
 * @throws when the filter cannot be set; the library is then not loaded yet
 */
export async function underFilter<T>(from: string, loadLibrary: () => T): Promise<T> {
  const machine = MACHINES[process.arch];
  if (machine === undefined) throw new Error(`no system call numbers for ${process.arch}`);
  const worker = new Worker(WORKER, {
    eval: true,
    workerData: { from, machine, filter: filterFor(machine) },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve());
      worker.once('error', reject);
    });
    return loadLibrary();
  } finally {
    await worker.terminate();
  }
}
