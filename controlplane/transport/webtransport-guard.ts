/**
 * Keeps what a peer sends from making the WebTransport library throw, hoard or never return.
 *
 * Version 1.6.8 throws while it parses, and answers streams of a closed session through an
 * object it has not set: either ends the process. It keeps every datagram, and reads streams
 * ahead of their readers: both fill the memory. It destroys the HTTP/2 stream of a session that
 * closes while bytes of it wait to be sent: Node.js 20 then makes empty DATA frames of the stream
 * that is gone, without end and with all of the memory, as soon as the peer sends anything. Only authorized peers get this far; a stolen key
 * must not be able to take the control plane down all the same.
 */
import type { Http2Stream } from 'node:http2';
import type { DrivenSession } from './webtransport-library.ts';

interface StreamObject {
  readonly readableController?: { readonly desiredSize: number | null };
  commitReadBuffer(piece: unknown): { stopReading?: boolean };
}

interface StreamEvent {
  readonly stream: { readonly jsobj: StreamObject };
}

/** Reads and writes the capsules of a session, which are the data of one HTTP/2 stream. */
interface CapsuleParser {
  readonly stream: Http2Stream;
  parseData(data: Uint8Array): void;
  /** Ends the session's HTTP/2 stream, after its close was sent or received. */
  closeHttp2Stream(code: number): void;
}

interface Guarded extends DrivenSession {
  onStream(event: StreamEvent): void;
  onDatagramReceived(event: unknown): void;
  objint?: { capsParser?: CapsuleParser };
}

/** Replaces the handlers named above on this session. */
export function guardSession(session: DrivenSession): DrivenSession {
  const guarded = session as Guarded;
  const { onClose, onStream } = guarded;
  let closed = false;
  guarded.onClose = (event) => {
    closed = true;
    onClose.call(guarded, event);
  };
  guarded.onStream = (event) => {
    if (closed) return;
    onStream.call(guarded, event);
    holdBack(event.stream.jsobj);
  };
  guarded.onDatagramReceived = () => {};
  guardParser(guarded);
  for (const promise of [session.ready, session.closed, session.draining]) promise.catch(() => {});
  return guarded;
}

/** Stops reading from the network while bytes wait for their reader; its next read goes on. */
function holdBack(stream: StreamObject): void {
  const { commitReadBuffer } = stream;
  stream.commitReadBuffer = (piece) => {
    const answer = commitReadBuffer.call(stream, piece);
    const waiting = (stream.readableController?.desiredSize ?? 0) < 0;
    return waiting ? { ...answer, stopReading: true } : answer;
  };
}

/** A dialled session has its parser only once it is ready: then this is to be called again. */
export function guardParser(session: DrivenSession): void {
  const guarded = session as Guarded;
  const parser = guarded.objint?.capsParser;
  if (parser === undefined) return;
  // What waits is sent, then the end; whoever hangs up ends a stream that can't send.
  parser.closeHttp2Stream = () => void parser.stream.end();
  const parse = parser.parseData;
  parser.parseData = (data) => {
    try {
      parse.call(parser, data);
    } catch {
      guarded.onClose({ errorcode: 0, error: 'the peer sent what WebTransport does not allow' });
    }
  };
}
