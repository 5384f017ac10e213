import { describe, expect, test } from 'vitest';
import type { HandshakeSecrets } from '../../../controlplane/handshake/handshake-secrets.ts';
import { RecordReader } from '../../../controlplane/record/record.ts';
import { SealedChannel } from '../../../controlplane/record/sealed-channel.ts';
import { Role } from '../../../controlplane/rekey/spi.ts';

function secrets(seed: number): HandshakeSecrets {
  const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  return {
    masterKeys: { mk0: key(0), mk1: key(0) },
    initiatorKey: key(seed),
    responderKey: key(seed + 1),
    hybrid: false,
    peerLanes: 1,
    wipe: () => {},
  };
}

function ends(): [SealedChannel, SealedChannel] {
  const pair: [SealedChannel, SealedChannel] = [
    new SealedChannel(Role.initiator),
    new SealedChannel(Role.responder),
  ];
  for (const end of pair) {
    end.add(0, secrets(1));
    end.sendUnder(0);
  }
  return pair;
}

function pass(from: SealedChannel, to: SealedChannel, id = 1): unknown {
  const [record] = new RecordReader().push(from.seal({ type: 'ping', id }));
  if (record === undefined) throw new Error('no record');
  return to.open(record);
}

describe('SealedChannel', () => {
  test('carries messages both ways', () => {
    const [initiator, responder] = ends();
    expect(pass(initiator, responder, 5)).toEqual({ type: 'ping', id: 5 });
    expect(pass(responder, initiator, 6)).toEqual({ type: 'ping', id: 6 });
  });

  test('opens what was sealed before the newer generation, while its keys wait', () => {
    const [initiator, responder] = ends();
    for (const end of [initiator, responder]) end.add(1, secrets(3));
    initiator.sendUnder(1);
    expect(pass(responder, initiator, 1)).toEqual({ type: 'ping', id: 1 });
    expect(pass(initiator, responder, 2)).toEqual({ type: 'ping', id: 2 });
    expect(pass(responder, initiator, 3)).toEqual({ type: 'ping', id: 3 });
    responder.sendUnder(1);
    expect(pass(responder, initiator, 4)).toEqual({ type: 'ping', id: 4 });
  });

  test('does not open what it has no keys for', () => {
    const [initiator, responder] = ends();
    initiator.add(1, secrets(3));
    initiator.sendUnder(1);
    expect(() => pass(initiator, responder)).toThrow(/generation 1, which has no keys/);
  });

  test('gives up older keys when the peer sealed under newer ones', () => {
    const [initiator, responder] = ends();
    for (const end of [initiator, responder]) end.add(1, secrets(3));
    const [late] = new RecordReader().push(initiator.seal({ type: 'ping', id: 1 }));
    initiator.sendUnder(1);
    pass(initiator, responder);
    expect(() => responder.open(late ?? Object.create(null))).toThrow(/generation 0, which has no keys/);
  });

  test('does not seal after wipe()', () => {
    const [initiator] = ends();
    initiator.wipe();
    expect(initiator.ready).toBe(false);
    expect(() => initiator.seal({ type: 'confirm' })).toThrow(TypeError);
  });
});
