/** The answers of an agent without an L2 network. */
import type { L2Api } from '../admin-l2-api.ts';
import { noL2Network } from './l2-networks.ts';

const refuse = (): Promise<never> => Promise.reject(noL2Network());

export const NO_L2: L2Api = {
  fdbShow: refuse,
  fdbAdd: refuse,
  fdbDel: refuse,
  fdbFlush: refuse,
  portList: refuse,
  portAdd: refuse,
  portDel: refuse,
  neighShow: refuse,
};
