/** STATUS: whether a container could be added now. */
import { CniCode, CniError } from '../cni-error.ts';
import type { NetworkCall } from './call.ts';

/** @throws {CniError} 50, or 51 when the containers that are there suffer too. */
export async function status(call: NetworkCall): Promise<void> {
  const { network } = call.config;
  const { ready, reason, limited } = await call.agent.ready(network === null ? {} : { network });
  if (!ready) {
    const code = limited ? CniCode.limited : CniCode.unavailable;
    throw new CniError(code, 'the icx agent takes no containers now', reason);
  }
  await call.ipam.status();
}
