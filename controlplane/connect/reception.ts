/**
 * Finds out who is calling, before anything is done for them.
 */

import type { Clock } from '../clock.ts';
import { reasonOf } from '../control-error.ts';
import { type Initiation, readInitiation } from '../handshake/handshake.ts';
import { HandshakeError } from '../handshake/handshake-error.ts';
import { REFUSED } from '../handshake/refusal-words.ts';
import type { Identity } from '../identity.ts';
import { type ControlRecord, encodeRefusal, RecordError, RecordKind } from '../record/record.ts';
import { RecordStream } from '../record/record-stream.ts';
import type { PeerContext } from '../rekey/peer-context.ts';
import { HANDSHAKE_TIMEOUT_MS } from '../rekey/rotator.ts';
import type { ControlConnection } from '../transport/transport.ts';
import type { Admission } from './admission.ts';

/** Who takes over a caller. */
export interface Host {
  readonly context: PeerContext;
  accept(stream: RecordStream, initiation: Initiation, settled: () => void): void;
}

export interface ReceptionOptions {
  readonly identity: Identity;
  readonly clock: Clock;
  readonly admission: Admission;
  /** Finds the pinned peer by the X25519 image of its key: a host for each network that it is in. */
  lookup(dhPublic: Uint8Array): readonly Host[];
  /** A caller was turned away; strangers can make this happen as often as they like. */
  onRefused(source: string | null, reason: string): void;
}

export class Reception {
  readonly #options: ReceptionOptions;

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  /** Takes a connection from the transport; whatever it brings ends in a host or a close. */
  async receive(connection: ControlConnection): Promise<void> {
    const { admission, clock, onRefused } = this.#options;
    const source = connection.remoteAddress;
    const full = admission.enter(source, clock.nowMs());
    if (full !== null) {
      connection.close(REFUSED);
      onRefused(source, full);
      return;
    }
    let inside = true;
    const leave = (): void => {
      if (inside) admission.leave();
      inside = false;
    };
    const stream = new RecordStream(connection, clock);
    const late = clock.setTimer(HANDSHAKE_TIMEOUT_MS, () => connection.close(REFUSED));
    try {
      const record = await stream.next();
      if (record === null) {
        leave();
        // The end of the stream need not be that of the connection.
        stream.close(REFUSED);
      } else this.#introduce(stream, record, leave);
    } catch (error) {
      leave();
      this.#turnAway(stream, error, null);
    } finally {
      late.cancel();
    }
  }

  #introduce(stream: RecordStream, record: ControlRecord, leave: () => void): void {
    const { identity, lookup } = this.#options;
    let hosts: readonly Host[] = [];
    try {
      if (record.kind !== RecordKind.handshake1 || record.generation !== 0) {
        throw new RecordError('ERR_ICX_RECORD_KIND', 'connection does not start with a handshake');
      }
      const find = (dhPublic: Uint8Array): readonly PeerContext[] => {
        hosts = lookup(dhPublic);
        return hosts.map(({ context }) => context);
      };
      const initiation = readInitiation({ identity, message1: record.body, lookup: find });
      this.#handOver(stream, hosts, initiation, leave);
    } catch (error) {
      leave();
      this.#turnAway(stream, error, hosts[0]?.context ?? null);
    }
  }

  #handOver(stream: RecordStream, hosts: readonly Host[], initiation: Initiation, leave: () => void): void {
    const pinned = stream.connection.peerKey;
    const host = hosts.find(({ context }) => context.vni === initiation.vni);
    if (host === undefined || (pinned !== null && !sameKey(pinned, initiation.peerPublicKey))) {
      initiation.wipe();
      throw new HandshakeError(
        'ERR_ICX_HANDSHAKE_AUTH',
        'Refused a caller: its handshake is of another peer than its transport key',
        'somebody may be sending recorded handshakes',
      );
    }
    host.accept(stream, initiation, leave);
  }

  /** @param named Whom the first message names, in whichever network; null when that is nobody. */
  #turnAway(stream: RecordStream, error: unknown, named: PeerContext | null): void {
    const words = wordsFor(stream.connection, error, named);
    if (words === null) stream.close(REFUSED);
    else stream.closeAfter(encodeRefusal(words), words);
    this.#options.onRefused(stream.connection.remoteAddress, reasonOf(error));
  }
}

/** What the caller may know. A version is no secret; the rest is for whom the transport vouches. */
function wordsFor(connection: ControlConnection, error: unknown, named: PeerContext | null): string | null {
  if (error instanceof RecordError && error.code === 'ERR_ICX_RECORD_VERSION') return error.message;
  if (!(error instanceof HandshakeError) || named === null || connection.peerKey === null) return null;
  return sameKey(connection.peerKey, named.publicKey) ? error.vouchedRefusal : null;
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
