/**
 * Close reasons: words for the operator of the other side, from people we need not trust.
 */
import { MAX_REASON_LEN } from './limits.ts';

/**
 * Makes a peer's reason fit for logs and terminals: printable, one line, bounded.
 */
export function readableReason(text: string): string {
  return text
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_REASON_LEN);
}
