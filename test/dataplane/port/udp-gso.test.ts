import { afterEach, describe, expect, test, vi } from 'vitest';
import { Arena } from '../../../dataplane/io/arena.ts';
import { SendResult, UdpSender } from '../../../dataplane/port/udp.ts';
import { AF_INET, parseEndpoint } from '../../../dataplane/wire/endpoint.ts';

/** The kernel, as far as sendmsg(2) goes: refuses merged frames with this errno, 0 takes them. */
const kernel = vi.hoisted(() => ({
  refuses: 0,
  calls: 0,
  controlLen: 0,
  base: 0,
  view: null as DataView | null,
}));

vi.mock('../../../dataplane/io/libc.ts', async (original) => ({
  ...(await original<object>()),
  sendmsg: (_fd: number, header: number) => {
    kernel.calls += 1;
    const merged = (kernel.view?.getUint32(header - kernel.base + 40, true) ?? 0) > 0;
    return merged && kernel.refuses !== 0 ? -1 : 1;
  },
  errno: () => kernel.refuses,
}));

const EIO = 5;
const EINVAL = 22;
const words = parseEndpoint({ address: '192.0.2.1', port: 6081 });

function sender(): { subject: UdpSender; results: SendResult[] } {
  const arena = new Arena(1 << 20);
  kernel.base = arena.base;
  kernel.view = arena.view;
  const results: SendResult[] = [];
  return { results, subject: new UdpSender(3, AF_INET, arena, 2_000, (result) => results.push(result)) };
}

/** Sends three frames of one size. @returns how many system calls that took. */
function sendThree(subject: UdpSender): number {
  const before = kernel.calls;
  for (let i = 0; i < 3; i++) subject.commit(1_400, words, 1);
  subject.flush();
  return kernel.calls - before;
}

afterEach(() => {
  kernel.refuses = 0;
});

describe('UdpSender', () => {
  test.each([
    ['the device cannot segment', EIO],
    ['one path takes smaller frames', EINVAL],
  ])('sends singly while %s, and merges again after retryGso()', (_, errno) => {
    const { subject, results } = sender();
    expect(sendThree(subject)).toBe(1);
    kernel.refuses = errno;
    expect(sendThree(subject)).toBe(4);
    expect(sendThree(subject)).toBe(3);
    kernel.refuses = 0;
    expect(sendThree(subject)).toBe(3);
    subject.retryGso();
    expect(sendThree(subject)).toBe(1);
    expect(new Set(results)).toEqual(new Set([SendResult.sent]));
  });
});
