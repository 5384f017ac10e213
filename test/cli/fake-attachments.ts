/** An agent's containers without an agent: fixed answers, and a list of what was asked. */
import type { AttachApi, Attached } from '../../cni/attach-api.ts';

export const ATTACHED: Attached = {
  hostInterface: { name: 'icx0123456789a', mac: '02:00:00:00:00:01' },
  containerInterface: { name: 'eth0', mac: '02:42:0a:4d:00:05', mtu: 1_392, sandbox: '/run/netns/c1' },
  ips: [{ address: '10.77.0.5/24', gateway: '10.77.0.1' }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.77.0.1' }],
};

/** @param asked Gets the name of every method that is called, with its request. */
export function fakeAttachments(asked: unknown[] = []): AttachApi {
  const answer =
    <T>(name: string, value: T) =>
    async (request: unknown): Promise<T> => {
      asked.push([name, request]);
      return value;
    };
  return {
    attach: answer('attach', ATTACHED),
    detach: answer('detach', { removed: true }),
    check: answer('check', { differences: [] }),
    gc: answer('gc', { removed: [] }),
    ready: answer('ready', { ready: true, reason: '', limited: false }),
    list: answer('list', { attachments: [] }),
  };
}
