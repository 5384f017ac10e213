import { expect, test } from 'vitest';
import { loadSocketFilter } from '../../../dataplane/io/bpf.ts';
import { close, SystemCallError } from '../../../dataplane/io/libc.ts';
import { describeHosts } from '../../support/describe-hosts.ts';

const RETURN_0 = [
  [0xb7, 0, 0, 0],
  [0x95, 0, 0, 0],
] as const;

describeHosts('loadSocketFilter()', () => {
  test('loads what the kernel accepts', () => expect(close(loadSocketFilter(RETURN_0))).toBe(0));

  test.each([
    ['no instruction', []],
    ['a program without end', [RETURN_0[0]]],
    ['an unknown instruction', [[0xff, 0, 0, 0], RETURN_0[1]] as const],
  ])('says what the kernel refused: %s', (_name, program) => {
    expect(() => loadSocketFilter(program)).toThrow(SystemCallError);
    expect(() => loadSocketFilter(program)).toThrow(/^Cannot load a BPF program: /);
  });
});
