/** The answers of an agent without a relay. */
import type { RelayApi } from '../admin-relay-api.ts';
import { CliError, Exit } from '../cli-error.ts';

export function noRelay(): CliError {
  return new CliError('no relay', '[relay] in the config makes one', Exit.failed, 'ERR_ICX_NO_RELAY');
}

export const NO_RELAY: RelayApi = { relayList: () => Promise.reject(noRelay()) };
