/**
 * Keeps what a peer sends from making the WebTransport library throw in an event handler.
 *
 * Version 1.6.8 closes a session twice when an error follows a close, answers streams of a
 * closed session through an object it has not set, and keeps every datagram: the first two
 * end the process, the third fills its memory. Only authorized peers get this far; a stolen
 * key must not be able to take the control plane down all the same.
 */
import type { DrivenSession } from './webtransport-library.ts';

interface Guarded extends DrivenSession {
  onStream(event: unknown): void;
  onDatagramReceived(event: unknown): void;
  objint?: { capsParser?: { parseData(data: Uint8Array): void } };
}

/** Replaces the handlers named above on this session. */
export function guardSession(session: DrivenSession): DrivenSession {
  const guarded = session as Guarded;
  const { onClose, onStream } = guarded;
  let closed = false;
  guarded.onClose = (event) => {
    if (closed) return;
    closed = true;
    onClose.call(guarded, event);
  };
  guarded.onStream = (event) => {
    if (!closed) onStream.call(guarded, event);
  };
  guarded.onDatagramReceived = () => {};
  guardParser(guarded);
  for (const promise of [session.ready, session.closed, session.draining]) promise.catch(() => {});
  return guarded;
}

/** A dialled session has its parser only once it is ready: then this is to be called again. */
export function guardParser(session: DrivenSession): void {
  const guarded = session as Guarded;
  const parser = guarded.objint?.capsParser;
  if (parser === undefined) return;
  const parse = parser.parseData;
  parser.parseData = (data) => {
    try {
      parse.call(parser, data);
    } catch {
      guarded.onClose({ errorcode: 0, error: 'the peer sent what WebTransport does not allow' });
    }
  };
}
