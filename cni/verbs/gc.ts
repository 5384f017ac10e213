/** GC: what belongs to no valid attachment goes. */
import { CniCode, CniError, toCniError } from '../cni-error.ts';
import type { NetworkCall } from './call.ts';

/** Removes what it can, then tells what it could not. @throws {CniError} */
export async function gc(call: NetworkCall): Promise<void> {
  const { config, ipam, agent } = call;
  const valid = config.validAttachments;
  // Taken for an empty list, it would remove every container's network.
  if (valid === null) throw new CniError(CniCode.invalidConfig, 'cni.dev/valid-attachments is missing');
  const failures: CniError[] = [];
  const attempt = (step: Promise<unknown>) =>
    step.catch((error: unknown) => failures.push(toCniError(error)));
  await attempt(agent.gc({ confName: config.name, valid: [...valid] }));
  await attempt(ipam.gc(valid));
  const [first, ...others] = failures;
  if (first === undefined) return;
  const details = [first.details, ...others.map(({ message }) => message)].filter((text) => text !== '');
  throw new CniError(first.code, first.message, details.join('; '));
}
