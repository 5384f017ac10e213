/** How a session ends, and in which words the peer hears why. */
import { reasonOf } from './control-error.ts';
import { HandshakeError } from './handshake/handshake-error.ts';
import type { RekeyTrigger } from './record/message.ts';
import { RecordError } from './record/record.ts';

export interface SessionEnd {
  /** In words for the operator. */
  readonly reason: string;
  /** Whether the peer said goodbye: it keeps no SAs. */
  readonly goodbye: boolean;
  /** Why a rekey was under way that did not come about; null when none was. */
  readonly failed: RekeyTrigger | null;
}

/** @returns null where the peer is told nothing but that it is refused. */
export function wordsForPeer(error: unknown, isAuthenticated: boolean): string | null {
  if (error instanceof HandshakeError) return error.refusal;
  if (error instanceof RecordError && error.code === 'ERR_ICX_RECORD_VERSION') return error.message;
  return isAuthenticated ? reasonOf(error) : null;
}
