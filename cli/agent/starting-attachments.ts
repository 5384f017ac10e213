/** The answers about containers of an agent that is still starting. */
import type { AttachApi } from '../../cni/attach-api.ts';
import { busy } from '../containers/attach-error.ts';

const STARTING = 'the agent is starting';
const refuse = () => Promise.reject(busy(STARTING));

export const STARTING_ATTACHMENTS: AttachApi = {
  attach: refuse,
  detach: refuse,
  check: refuse,
  gc: refuse,
  list: refuse,
  ready: async () => ({ ready: false, reason: STARTING, limited: false }),
};
