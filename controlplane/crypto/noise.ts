/**
 * Noise IK and IKpsk2 over X25519, AES-256-GCM and SHA-256.
 *
 * Ends with chaining key and handshake hash: transport keys come from our own key schedule, so
 * that the post-quantum secret is in them.
 *
 * @see Noise Protocol Framework revision 34 §5.3 (HandshakeState), §7.5 (IK), §9 (psk)
 */
import { x25519 } from '@noble/curves/ed25519.js';
import { GCM_TAG_LEN } from './gcm.ts';
import { NoiseError, SymmetricState } from './noise-symmetric.ts';

const DH_LEN = 32;

type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk';

/** Tokens of both messages; the responder's static key is known beforehand. */
export const NoisePattern = {
  ik: {
    name: 'Noise_IK_25519_AESGCM_SHA256',
    psk: false,
    messages: [
      ['e', 'es', 's', 'ss'],
      ['e', 'ee', 'se'],
    ],
  },
  ikPsk2: {
    name: 'Noise_IKpsk2_25519_AESGCM_SHA256',
    psk: true,
    messages: [
      ['e', 'es', 's', 'ss'],
      ['e', 'ee', 'se', 'psk'],
    ],
  },
} as const satisfies Record<string, { name: string; psk: boolean; messages: readonly (readonly Token[])[] }>;
export type NoisePattern = (typeof NoisePattern)[keyof typeof NoisePattern];

export interface NoiseOptions {
  readonly pattern: NoisePattern;
  readonly initiator: boolean;
  readonly prologue: Uint8Array;
  /** X25519 key pair of this side; stays the caller's. */
  readonly staticSecret: Uint8Array;
  readonly staticPublic: Uint8Array;
  /** Known to the initiator, learned by the responder from message 1. */
  readonly remoteStatic: Uint8Array | null;
  /** 32 bytes, needed before the message that mixes it in; see {@link NoiseHandshake.setPsk}. */
  readonly psk: Uint8Array | null;
  /** 32 bytes a call; anything but the default is for test vectors. */
  readonly generateEphemeral?: () => Uint8Array;
}

/** One handshake of one side. After an error nothing but {@link wipe} may be called. */
export class NoiseHandshake {
  readonly #options: NoiseOptions;
  readonly #symmetric: SymmetricState;
  #psk: Uint8Array | null;
  #ephemeralSecret: Uint8Array | null = null;
  #remoteStatic: Uint8Array | null;
  #remoteEphemeral: Uint8Array | null = null;
  #messages = 0;
  #wiped = false;

  constructor(options: NoiseOptions) {
    this.#options = options;
    this.#symmetric = new SymmetricState(options.pattern.name);
    this.#symmetric.mixHash(options.prologue);
    this.#remoteStatic = options.remoteStatic;
    this.#symmetric.mixHash(
      options.initiator ? known(options.remoteStatic, 'remote static key') : options.staticPublic,
    );
    this.#psk = options.psk?.slice() ?? null;
  }

  /** Sets the preshared key once the responder knows who is calling; 32 bytes, copied. */
  setPsk(psk: Uint8Array): void {
    this.#psk = psk.slice();
  }

  /** The peer's X25519 static key; null until message 1 was read. */
  get remoteStatic(): Uint8Array | null {
    return this.#remoteStatic;
  }

  /** Whether both messages went through; chaining key and hash are final. */
  get complete(): boolean {
    return this.#messages === this.#options.pattern.messages.length;
  }

  /** ck, live view of 32 secret bytes that {@link wipe} overwrites. */
  get chainingKey(): Uint8Array {
    return this.#symmetric.chainingKey;
  }

  /** h, 32 bytes, not secret. */
  get handshakeHash(): Uint8Array {
    return this.#symmetric.hash;
  }

  writeMessage(payload: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const token of this.#nextTokens(true)) {
      if (token === 'e') parts.push(this.#writeEphemeral());
      else if (token === 's') parts.push(this.#symmetric.sealAndHash(this.#options.staticPublic));
      else this.#mix(token);
    }
    parts.push(this.#symmetric.sealAndHash(payload));
    this.#messages += 1;
    return new Uint8Array(Buffer.concat(parts));
  }

  /** @throws {NoiseError} when the message is not for this handshake. */
  readMessage(message: Uint8Array): Uint8Array {
    let at = 0;
    const take = (length: number): Uint8Array => {
      if (message.length - at < length) throw new NoiseError('handshake message is too short');
      at += length;
      return message.slice(at - length, at);
    };
    for (const token of this.#nextTokens(false)) {
      if (token === 'e') this.#readEphemeral(take(DH_LEN));
      else if (token === 's') {
        const sealedLen = this.#symmetric.keyed ? DH_LEN + GCM_TAG_LEN : DH_LEN;
        this.#remoteStatic = this.#symmetric.openAndHash(take(sealedLen));
      } else this.#mix(token);
    }
    const payload = this.#symmetric.openAndHash(take(message.length - at));
    this.#messages += 1;
    return payload;
  }

  /** Overwrites every secret of this handshake; idempotent. */
  wipe(): void {
    this.#wiped = true;
    this.#symmetric.wipe();
    this.#ephemeralSecret?.fill(0);
    this.#psk?.fill(0);
  }

  #nextTokens(writing: boolean): readonly Token[] {
    if (this.#wiped) throw new TypeError('Noise handshake: secrets are gone');
    const tokens = this.#options.pattern.messages[this.#messages];
    const initiatorWrites = this.#messages % 2 === 0;
    if (tokens === undefined || writing !== (initiatorWrites === this.#options.initiator)) {
      throw new TypeError('Noise handshake: message out of turn');
    }
    return tokens;
  }

  #writeEphemeral(): Uint8Array {
    const generate = this.#options.generateEphemeral ?? x25519.utils.randomSecretKey;
    this.#ephemeralSecret = generate();
    const publicKey = x25519.getPublicKey(this.#ephemeralSecret);
    this.#mixEphemeral(publicKey);
    return publicKey;
  }

  #readEphemeral(publicKey: Uint8Array): void {
    this.#remoteEphemeral = publicKey;
    this.#mixEphemeral(publicKey);
  }

  #mixEphemeral(publicKey: Uint8Array): void {
    this.#symmetric.mixHash(publicKey);
    // With a psk in the pattern the ephemeral randomises the keys too. @see §9.2
    if (this.#options.pattern.psk) this.#symmetric.mixKey(publicKey);
  }

  #mix(token: Exclude<Token, 'e' | 's'>): void {
    if (token === 'psk') {
      this.#symmetric.mixKeyAndHash(known(this.#psk, 'preshared key'));
      return;
    }
    // The first letter names the initiator's key, the second the responder's.
    const [own, remote] = this.#options.initiator ? [token[0], token[1]] : [token[1], token[0]];
    const secret = own === 'e' ? known(this.#ephemeralSecret, 'ephemeral key') : this.#options.staticSecret;
    const publicKey = known(remote === 'e' ? this.#remoteEphemeral : this.#remoteStatic, 'remote key');
    const shared = sharedSecret(secret, publicKey);
    this.#symmetric.mixKey(shared);
    shared.fill(0);
  }
}

function sharedSecret(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    return x25519.getSharedSecret(secret, publicKey);
  } catch {
    throw new NoiseError('handshake message carries a public key of small order');
  }
}

function known<T>(value: T | null, what: string): T {
  if (value === null) throw new TypeError(`Noise handshake: no ${what}`);
  return value;
}
