/** Where an agent's admin socket answers requests about L2 networks, and how it is asked there. */
import type { z } from 'zod';
import {
  FDB_ADD,
  FDB_CHANGE,
  FDB_DEL,
  FDB_FLUSH,
  FDB_REPORT,
  type L2Api,
  NEIGH_REPORT,
  NETWORK_CHOICE,
  PORT_ADD,
  PORT_CHANGE,
  PORT_DEL,
  PORT_REPORT,
} from './admin-l2-api.ts';

const PATH: Readonly<Record<keyof L2Api, string>> = {
  fdbShow: '/v1/fdb/show',
  fdbAdd: '/v1/fdb/add',
  fdbDel: '/v1/fdb/del',
  fdbFlush: '/v1/fdb/flush',
  portList: '/v1/port/list',
  portAdd: '/v1/port/add',
  portDel: '/v1/port/del',
  neighShow: '/v1/neigh/show',
};

/** Handles the body of a request. @throws {z.ZodError} when it makes no sense. */
export type L2Route = (body: unknown, api: L2Api) => unknown;

/** By method and path. */
export const L2_ROUTES: Readonly<Record<string, L2Route>> = {
  [`POST ${PATH.fdbShow}`]: (body, api) => api.fdbShow(NETWORK_CHOICE.parse(body)),
  [`POST ${PATH.fdbAdd}`]: (body, api) => api.fdbAdd(FDB_ADD.parse(body)),
  [`POST ${PATH.fdbDel}`]: (body, api) => api.fdbDel(FDB_DEL.parse(body)),
  [`POST ${PATH.fdbFlush}`]: (body, api) => api.fdbFlush(FDB_FLUSH.parse(body)),
  [`POST ${PATH.portList}`]: (body, api) => api.portList(NETWORK_CHOICE.parse(body)),
  [`POST ${PATH.portAdd}`]: (body, api) => api.portAdd(PORT_ADD.parse(body)),
  [`POST ${PATH.portDel}`]: (body, api) => api.portDel(PORT_DEL.parse(body)),
  [`POST ${PATH.neighShow}`]: (body, api) => api.neighShow(NETWORK_CHOICE.parse(body)),
};

/** Posts a request and gives its answer in that schema's form. */
export type Ask = <T extends z.ZodType>(path: string, answer: T, request: object) => Promise<z.output<T>>;

/** The far side of `L2_ROUTES`. */
export function l2Client(ask: Ask): L2Api {
  return {
    fdbShow: (request) => ask(PATH.fdbShow, FDB_REPORT, request),
    fdbAdd: (request) => ask(PATH.fdbAdd, FDB_CHANGE, request),
    fdbDel: (request) => ask(PATH.fdbDel, FDB_CHANGE, request),
    fdbFlush: (request) => ask(PATH.fdbFlush, FDB_CHANGE, request),
    portList: (request) => ask(PATH.portList, PORT_REPORT, request),
    portAdd: (request) => ask(PATH.portAdd, PORT_CHANGE, request),
    portDel: (request) => ask(PATH.portDel, PORT_CHANGE, request),
    neighShow: (request) => ask(PATH.neighShow, NEIGH_REPORT, request),
  };
}
