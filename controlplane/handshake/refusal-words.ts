/** What a bare refusal, which tells strangers nothing, means to the operator of this host. */

/** All that a caller is told whom we did not authenticate, and an answerer whom the caller did not. */
export const REFUSED = 'refused';

/**
 * Words for the end of a connection on which the peer had not proved itself yet.
 *
 * A caller whose first message we could read holds the right keys. If it then refuses our answer,
 * all that is left to differ is what only the answer depends on.
 *
 * @param reason  Why the connection ended.
 * @param dialled Whether we called.
 */
export function refusalWords(reason: string, dialled: boolean): string {
  if (reason !== REFUSED) return reason;
  return dialled
    ? 'refused by the peer, whose log says why'
    : 'the peer refused our answer: compare preshared_key_file and public_key on both hosts';
}
