/** Where an agent's admin socket answers requests about containers. The plugin has a client of its own. */
import { ATTACH, type AttachApi, DETACH, GC, LIST, READY } from '../cni/attach-api.ts';
import { ATTACH_PATH } from '../cni/attach-protocol.ts';

/** Handles the body of a request. @throws {z.ZodError} when it makes no sense. */
export type AttachRoute = (body: unknown, api: AttachApi) => unknown;

/** By method and path. */
export const ATTACH_ROUTES: Readonly<Record<string, AttachRoute>> = {
  [`POST ${ATTACH_PATH.attach}`]: (body, api) => api.attach(ATTACH.parse(body)),
  [`POST ${ATTACH_PATH.detach}`]: (body, api) => api.detach(DETACH.parse(body)),
  [`POST ${ATTACH_PATH.check}`]: (body, api) => api.check(ATTACH.parse(body)),
  [`POST ${ATTACH_PATH.gc}`]: (body, api) => api.gc(GC.parse(body)),
  [`POST ${ATTACH_PATH.ready}`]: (body, api) => api.ready(READY.parse(body)),
  [`POST ${ATTACH_PATH.list}`]: (body, api) => api.list(LIST.parse(body)),
};
