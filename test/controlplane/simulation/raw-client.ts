/** A caller that follows the protocol only as far as a test wants. */
import { InitiatorHandshake } from '../../../controlplane/handshake/handshake.ts';
import { Tai64nClock } from '../../../controlplane/handshake/tai64n.ts';
import { type Identity, identityFromSeed } from '../../../controlplane/identity.ts';
import { type ControlMessage, decodeMessage, encodeMessage } from '../../../controlplane/record/message.ts';
import {
  type ControlRecord,
  decodeRefusal,
  encodeRecord,
  RecordKind,
  RecordReader,
} from '../../../controlplane/record/record.ts';
import { RecordOpener, RecordSealer } from '../../../controlplane/record/record-seal.ts';
import { composeSpi, Role } from '../../../controlplane/rekey/spi.ts';
import type { ControlConnection } from '../../../controlplane/transport/transport.ts';
import { Suite } from '../../../dataplane/contract.ts';
import type { SimHost } from './sim-host.ts';
import type { SimPair } from './sim-pair.ts';

export const STRANGER = identityFromSeed(new Uint8Array(32).fill(99));
export const STRANGER_ADDRESS = '203.0.113.9';

export class RawClient {
  readonly records: ControlRecord[] = [];
  closeReason: string | null = null;
  readonly #pair: SimPair;
  readonly #connection: ControlConnection;
  #sealer: RecordSealer | null = null;
  #opener: RecordOpener | null = null;

  private constructor(pair: SimPair, connection: ControlConnection) {
    this.#pair = pair;
    this.#connection = connection;
    void connection.closed.then(({ message }) => {
      this.closeReason = message;
    });
    void this.#read();
  }

  /** Connects from an address of its own; with `pins` off nobody knows whose key it has. */
  static async connect(
    pair: SimPair,
    host: SimHost,
    key = STRANGER.publicKey,
    address = STRANGER_ADDRESS,
  ): Promise<RawClient> {
    const transport = await pair.network.open(
      address,
      key,
    )({
      listen: address,
      port: 6082,
      seed: new Uint8Array(32),
      authorize: () => true,
      onConnection: () => {},
      onNotice: () => {},
    });
    const peerKey = host.identity.publicKey;
    const dial = transport.dial({ host: host.address, port: 6082, peerKey, timeoutMs: 1_000 });
    return new RawClient(pair, await pair.during(dial));
  }

  async #read(): Promise<void> {
    const reader = new RecordReader();
    for (let bytes = await this.#connection.read(); bytes !== null; bytes = await this.#connection.read()) {
      this.records.push(...reader.push(bytes));
    }
  }

  async send(bytes: Uint8Array): Promise<void> {
    await this.#connection.write(bytes);
    await this.#pair.clock.advance(100);
  }

  async handshake(identity: Identity, host: SimHost, hybrid = false, generation = 0, vni = 7): Promise<void> {
    const { clock } = this.#pair;
    const handshake = new InitiatorHandshake({
      identity,
      peerPublicKey: host.identity.publicKey,
      psk: null,
      hybrid,
      lanes: 1,
      vni,
      timestamp: new Tai64nClock(() => clock.nowMs()).now(),
    });
    await this.send(encodeRecord(RecordKind.handshake1, generation, handshake.message1()));
    const answer = this.records.find(
      (record) => record.kind === RecordKind.handshake2 && record.generation === generation,
    );
    if (answer === undefined) throw new Error(`no answer: ${this.closeReason} ${this.refusal}`);
    const { initiatorKey, responderKey } = handshake.finish(answer.body);
    this.#sealer = new RecordSealer(initiatorKey, generation);
    this.#opener = new RecordOpener(responderKey, generation);
  }

  /** Handshake, and SAs that nobody will use. */
  async generation(identity: Identity, host: SimHost, generation: number): Promise<void> {
    await this.handshake(identity, host, false, generation);
    const spis = [composeSpi(Role.initiator, generation % 2 === 0 ? 0 : 1, 100 + generation)];
    await this.say({ type: 'offer', vni: 7, suite: Suite.aes128Gcm, spis });
    await this.say({ type: 'confirm' });
    await this.say({ type: 'report', lanes: [] });
    await this.say({ type: 'report_answer', lanes: [] });
  }

  async seal(plaintext: Uint8Array): Promise<void> {
    if (this.#sealer === null) throw new Error('no keys');
    await this.send(this.#sealer.seal(plaintext));
  }

  async say(message: ControlMessage): Promise<void> {
    await this.seal(encodeMessage(message));
  }

  /** Sealed messages that came since the last call. */
  heard(): string[] {
    const sealed = this.records.filter(({ kind }) => kind === RecordKind.sealed);
    this.records.length = 0;
    return sealed.map((record) => {
      if (this.#opener === null) throw new Error('no keys');
      return decodeMessage(this.#opener.open(record)).type;
    });
  }

  get refusal(): string | null {
    const record = this.records.find(({ kind }) => kind === RecordKind.refusal);
    return record === undefined ? null : decodeRefusal(record);
  }
}
