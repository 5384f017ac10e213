/** Where an agent's admin socket answers requests about relays, and how it is asked there. */
import { NETWORK_CHOICE } from './admin-l2-api.ts';
import type { Ask } from './admin-l2-routes.ts';
import { RELAY_REPORT, type RelayApi } from './admin-relay-api.ts';

const PATH: Readonly<Record<keyof RelayApi, string>> = { relayList: '/v1/relay/list' };

/** Handles the body of a request. @throws {z.ZodError} when it makes no sense. */
export type RelayRoute = (body: unknown, api: RelayApi) => unknown;

/** By method and path. */
export const RELAY_ROUTES: Readonly<Record<string, RelayRoute>> = {
  [`POST ${PATH.relayList}`]: (body, api) => api.relayList(NETWORK_CHOICE.parse(body)),
};

/** The far side of `RELAY_ROUTES`. */
export function relayClient(ask: Ask): RelayApi {
  return { relayList: (request) => ask(PATH.relayList, RELAY_REPORT, request) };
}
