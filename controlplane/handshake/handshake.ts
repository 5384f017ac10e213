/**
 * One handshake, either side: Noise IKpsk2 with TAI64N replay protection, ML-KEM-768 and our key
 * schedule at its end.
 *
 *     initiator                                        responder
 *     new InitiatorHandshake().message1()  ────────▶   readInitiation(): who is calling?
 *     finish()                             ◀────────   initiation.respond()
 *
 * Fresh ephemerals of both kinds every time: a stolen key opens one rekey interval of traffic.
 */

import { decapsulate, encapsulate, generateKemKeyPair, type KemKeyPair } from '../crypto/hybrid.ts';
import { NoiseHandshake, NoisePattern } from '../crypto/noise.ts';
import { NoiseError } from '../crypto/noise-symmetric.ts';
import { type Identity, peerDhPublic } from '../identity.ts';
import { encodeKey, KEY_LEN } from '../key-text.ts';
import { HandshakeError } from './handshake-error.ts';
import {
  decodePayload1,
  decodePayload2,
  encodePayload1,
  encodePayload2,
  MAX_LANES,
} from './handshake-payload.ts';
import { finalSecrets, type HandshakeSecrets } from './handshake-secrets.ts';
import { compareTai64n } from './tai64n.ts';

const PROLOGUE = Buffer.from('icx-control/1');
const NO_PSK = new Uint8Array(KEY_LEN);

/** What a responder knows about one pinned peer in one network. */
export interface PeerKeys {
  readonly vni: number;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, or null. */
  readonly psk: Uint8Array | null;
  /** Whether handshakes with this peer carry ML-KEM-768. */
  readonly hybrid: boolean;
  /**
   * The last timestamp accepted from this peer in this network; null if there is none.
   *
   * One a network, because a peer's connections of all its networks start at the same moment and
   * come in any order. That opens no way to a replay: the VNI stands in the payload, which the
   * static-static DH authenticates, so a recorded message is of its own network for good.
   */
  readonly lastTimestamp: Uint8Array | null;
}

/** An authenticated first message that waits for its answer. */
export interface Initiation {
  /** Ed25519 key of the caller, as {@link PeerKeys} gave it. */
  readonly peerPublicKey: Uint8Array;
  /** Network that the caller wants to connect in; the {@link PeerKeys} are this network's. */
  readonly vni: number;
  /** 12 bytes, later than `lastTimestamp`; to be remembered as the next `lastTimestamp`. */
  readonly timestamp: Uint8Array;
  /** Whether the caller offers ML-KEM-768. */
  readonly hybrid: boolean;
  /** Send lanes of the caller. */
  readonly lanes: number;
  /**
   * Answers, once; secrets of the handshake are overwritten, whatever the outcome.
   *
   * @param answer `lanes`: send lanes of this host.
   * @throws {HandshakeError} when the hybrid settings differ or the ML-KEM key is invalid.
   */
  respond(answer: { readonly lanes: number }): Response;
  /** Gives up without an answer; idempotent. */
  wipe(): void;
}

export interface Response {
  readonly message2: Uint8Array;
  readonly secrets: HandshakeSecrets;
}

export interface InitiatorOptions {
  readonly identity: Identity;
  /** Ed25519, 32 bytes. */
  readonly peerPublicKey: Uint8Array;
  readonly psk: Uint8Array | null;
  readonly hybrid: boolean;
  /** Send lanes of this host, 1 to {@link MAX_LANES}. */
  readonly lanes: number;
  /** Network to connect in, 1 to 2^24 − 1. */
  readonly vni: number;
  /** TAI64N label later than any sent to this peer in this network before. */
  readonly timestamp: Uint8Array;
}

/** The calling side. Each method but `wipe` may be called once. */
export class InitiatorHandshake {
  readonly #options: InitiatorOptions;
  readonly #noise: NoiseHandshake;
  readonly #kem: KemKeyPair | null;

  /** @throws {KeyError} when the peer's public key is none. */
  constructor(options: InitiatorOptions) {
    this.#options = options;
    this.#noise = new NoiseHandshake({
      pattern: NoisePattern.ikPsk2,
      initiator: true,
      prologue: PROLOGUE,
      staticSecret: options.identity.dhSecret,
      staticPublic: options.identity.dhPublic,
      remoteStatic: peerDhPublic(options.peerPublicKey),
      psk: options.psk ?? NO_PSK,
    });
    this.#kem = options.hybrid ? generateKemKeyPair() : null;
  }

  message1(): Uint8Array {
    const { lanes, timestamp, vni } = this.#options;
    checkLanes(lanes);
    const kem = this.#kem?.publicKey ?? null;
    return this.#noise.writeMessage(encodePayload1({ timestamp, lanes, vni, kem }));
  }

  /**
   * Reads the answer; secrets of the handshake are overwritten, whatever the outcome.
   *
   * @throws {HandshakeError}
   */
  finish(message2: Uint8Array): HandshakeSecrets {
    try {
      const answer = decodePayload2(this.#read(message2));
      if (answer === null) throw malformed('second');
      checkHybrid(this.#options.hybrid, answer.kem !== null);
      const kemSecret = this.#sharedSecret(answer.kem);
      return finalSecrets(this.#noise, kemSecret, answer.lanes);
    } finally {
      this.wipe();
    }
  }

  wipe(): void {
    this.#noise.wipe();
    this.#kem?.secretKey.fill(0);
  }

  #read(message2: Uint8Array): Uint8Array {
    try {
      return this.#noise.readMessage(message2);
    } catch (error) {
      if (!(error instanceof NoiseError)) throw error;
      throw new HandshakeError(
        'ERR_ICX_HANDSHAKE_AUTH',
        "Cannot verify the peer's answer: wrong preshared key or identity",
        'compare preshared_key_file and public_key of this peer on both hosts',
      );
    }
  }

  #sharedSecret(ciphertext: Uint8Array | null): Uint8Array | null {
    if (ciphertext === null || this.#kem === null) return null;
    return decapsulate(ciphertext, this.#kem.secretKey);
  }
}

export interface InitiationOptions {
  readonly identity: Identity;
  readonly message1: Uint8Array;
  /**
   * Finds the pinned peer whose key has this X25519 image, see `peerDhPublic`: an entry for each
   * network that it is in, none for a stranger.
   */
  lookup(dhPublic: Uint8Array): readonly PeerKeys[];
}

/**
 * Reads a first message and says who sent it for which network, without answering.
 *
 * The preshared key is not needed before the answer (psk2), so the network may be read first.
 *
 * @throws {HandshakeError} whose words are not for the sender, who is not proven to be a peer;
 *         `vouchedRefusal` is, where the transport proved it.
 */
export function readInitiation(options: InitiationOptions): Initiation {
  const noise = new NoiseHandshake({
    pattern: NoisePattern.ikPsk2,
    initiator: false,
    prologue: PROLOGUE,
    staticSecret: options.identity.dhSecret,
    staticPublic: options.identity.dhPublic,
    remoteStatic: null,
    psk: null,
  });
  try {
    const payload = decodePayload1(readMessage1(noise, options.message1));
    const networks = identify(noise, options);
    if (payload === null) throw malformed('first');
    const peer = choose(networks, payload.vni);
    checkFresh(peer, payload.timestamp);
    noise.setPsk(peer.psk ?? NO_PSK);
    return {
      peerPublicKey: peer.publicKey,
      vni: peer.vni,
      timestamp: payload.timestamp,
      hybrid: payload.kem !== null,
      lanes: payload.lanes,
      respond: ({ lanes }) => respond(noise, peer.hybrid, payload, lanes),
      wipe: () => noise.wipe(),
    };
  } catch (error) {
    noise.wipe();
    throw error;
  }
}

function readMessage1(noise: NoiseHandshake, message1: Uint8Array): Uint8Array {
  try {
    return noise.readMessage(message1);
  } catch (error) {
    if (!(error instanceof NoiseError)) throw error;
    throw new HandshakeError(
      'ERR_ICX_HANDSHAKE_AUTH',
      "Cannot verify the caller's first message: it was not made for this host's key by the key it names",
      "the caller's configuration may hold an old public key of this host",
    );
  }
}

function identify(noise: NoiseHandshake, options: InitiationOptions): readonly PeerKeys[] {
  const networks = noise.remoteStatic === null ? [] : options.lookup(noise.remoteStatic);
  if (networks.length > 0) return networks;
  throw new HandshakeError(
    'ERR_ICX_HANDSHAKE_UNKNOWN_PEER',
    'Refused a caller whose key no [[peer]] has',
    'add its public key as a [[peer]] if it belongs to this network',
  );
}

function choose(networks: readonly PeerKeys[], vni: number): PeerKeys {
  const peer = networks.find((network) => network.vni === vni);
  if (peer !== undefined) return peer;
  const [who] = networks.map(({ publicKey }) => encodeKey(publicKey));
  const here = networks.map((network) => network.vni).join(', ');
  throw new HandshakeError(
    'ERR_ICX_HANDSHAKE_NETWORK',
    `Refused a caller: peer ${who} is in no network with VNI ${vni} here, only in ${here}`,
    'set the same vni on both hosts, or add the peer to that network',
    null,
    `peer is in no network with VNI ${vni} here`,
  );
}

function checkFresh(peer: PeerKeys, timestamp: Uint8Array): void {
  if (peer.lastTimestamp === null || compareTai64n(timestamp, peer.lastTimestamp) > 0) return;
  throw new HandshakeError(
    'ERR_ICX_HANDSHAKE_REPLAY',
    "Refused a first message: its timestamp is not later than the last one of this peer's",
    "if this repeats, the peer's clock went backwards: set it, or restart icx here",
    null,
    'timestamp is not later than the last one: check the clock of this host',
  );
}

function respond(
  noise: NoiseHandshake,
  hybrid: boolean,
  initiator: { readonly kem: Uint8Array | null; readonly lanes: number },
  lanes: number,
): Response {
  try {
    checkLanes(lanes);
    checkHybrid(hybrid, initiator.kem !== null);
    const kem = initiator.kem === null ? null : encapsulate(initiator.kem);
    if (initiator.kem !== null && kem === null) throw malformed('first');
    const message2 = noise.writeMessage(encodePayload2({ lanes, kem: kem?.ciphertext ?? null }));
    return { message2, secrets: finalSecrets(noise, kem?.sharedSecret ?? null, initiator.lanes) };
  } finally {
    noise.wipe();
  }
}

function checkHybrid(own: boolean, peers: boolean): void {
  if (own === peers) return;
  const [peerDoes, weDo] = own ? ['forbids', 'requires'] : ['requires', 'forbids'];
  throw new HandshakeError(
    'ERR_ICX_HANDSHAKE_HYBRID',
    `Peer ${peerDoes} the post-quantum hybrid, this host ${weDo} it`,
    'set hybrid of this peer alike on both hosts',
    `peer ${weDo} the post-quantum hybrid: set hybrid alike on both hosts`,
  );
}

function checkLanes(lanes: number): void {
  if (Number.isInteger(lanes) && lanes >= 1 && lanes <= MAX_LANES) return;
  throw new RangeError(`Cannot offer ${lanes} lanes: expected 1 to ${MAX_LANES}`);
}

function malformed(which: 'first' | 'second'): HandshakeError {
  return new HandshakeError(
    'ERR_ICX_HANDSHAKE_MALFORMED',
    `Cannot understand the peer's ${which} handshake message`,
    'run the same version of icx on both hosts',
    'handshake message not understood: run the same version of icx on both hosts',
  );
}
