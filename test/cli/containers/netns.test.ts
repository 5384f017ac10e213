/** What is taken for a container's network namespace. */
import { describe, expect, test } from 'vitest';
import { Netns } from '../../../cli/containers/netns.ts';
import { AttachCode } from '../../../cni/attach-protocol.ts';

describe('Netns.open()', () => {
  test.each([
    ['nothing', '/run/netns/icx-none', AttachCode.noNetns],
    ['a file', '/etc/hostname', AttachCode.noNetns],
    ['a directory', '/', AttachCode.noNetns],
    ["the agent's own", '/proc/self/ns/net', AttachCode.unsupported],
  ])('refuses %s', (_, path, code) => {
    expect(() => Netns.open(path)).toThrow(expect.objectContaining({ code }));
  });
});
