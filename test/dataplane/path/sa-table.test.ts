import { describe, expect, test } from 'vitest';
import type { SaSpec } from '../../../dataplane/contract.ts';
import { DropCode } from '../../../dataplane/path/drop.ts';
import type { ManualKeys } from '../../../dataplane/path/sa-table.ts';
import type { AeadProvider, PacketMemory } from '../../../dataplane/sa/aead.ts';
import { nobleAead } from '../../../dataplane/sa/noble-aead.ts';
import { hexBytes } from '../../support/aead-providers.ts';
import { craftFrame } from './frames.ts';
import { Host, type HostOptions, KEY_A, KEY_B, NOW, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket } from './packets.ts';

const KEY_C = '000102030405060708090a0b0c0d0e0f';
const INNER = ipPacket({ src: '10.77.0.2', dst: '10.77.0.1' });
const OUTBOUND = ipPacket({ src: '10.77.0.1', dst: '10.77.0.2' });
const GRACE = 30_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

function host(options?: HostOptions): Host {
  const made = new Host(options);
  made.engine.addNetwork(VNI);
  made.engine.setPeer(peerSpec());
  return made;
}

function rxSpis(by: Host, slot = 1): number[] {
  return by.engine.rxProgress(slot).map((sa) => sa.spi);
}

type Install = 'installRx' | 'installTx';

describe.each<Install>(['installRx', 'installTx'])('Engine.%s() guards', (install) => {
  const REFUSED: [string, Partial<Omit<SaSpec, 'key'>> & { key?: string }, string | RegExp][] = [
    ['SPI 0', { spi: 0 }, 'ERR_ICX_SA_SPI'],
    ['an SPI of 33 bits', { spi: 0x1_0000_0000 }, 'ERR_ICX_SA_SPI'],
    ['a key too short', { suite: 1 }, 'ERR_ICX_SA_KEY_LENGTH'],
    ['an unknown suite', { suite: 2 as 0 }, /suite 2/],
    ['an unknown slot', { slot: 3 }, /slot 3/],
    ["a network that is not the peer's", { vni: 8 }, /network 8/],
    ['no lifetime', { lifetimeMs: 0 }, /for 0 ms/],
    ['more than a day', { lifetimeMs: DAY + 1 }, /86400001 ms/],
    ['a lifetime that is no number', { lifetimeMs: Number.NaN }, /NaN ms/],
  ];

  test.each(REFUSED)('refuse %s, change nothing and overwrite the key', (_name, overrides, reason) => {
    const by = host();
    const sa = saSpec(overrides);
    const expected = typeof reason === 'string' ? expect.objectContaining({ code: reason }) : reason;
    expect(() => by.engine[install](sa, NOW)).toThrow(expected);
    expect([by.engine.rxProgress(1), by.engine.txProgress(1)]).toEqual([[], null]);
    expect([...sa.key].every((byte) => byte === 0)).toBe(true);
  });

  test('overwrite the key of an SA that was installed', () => {
    const sa = saSpec();
    host().engine[install](sa, NOW);
    expect([...sa.key].every((byte) => byte === 0)).toBe(true);
  });

  test('refuse the key of the other direction', () => {
    const by = host();
    const other = install === 'installRx' ? 'installTx' : 'installRx';
    by.engine[other](saSpec({ spi: 9, key: KEY_A }), NOW);
    expect(() => by.engine[install](saSpec({ spi: 1, key: KEY_A }), NOW)).toThrow(
      expect.objectContaining({ code: 'ERR_ICX_SA_KEYS_EQUAL' }),
    );
  });
});

describe('Engine.installRx()', () => {
  test('refuses a live SPI, of another peer too, and takes it once that SA expired', () => {
    const by = host();
    by.engine.setPeer(peerSpec({ slot: 2, routes: [] }));
    by.engine.installRx(saSpec({ lifetimeMs: 1_000 }), NOW);
    const again = (afterMs: number) => by.engine.installRx(saSpec({ slot: 2, key: KEY_B }), NOW + afterMs);
    expect(() => again(999)).toThrow(expect.objectContaining({ code: 'ERR_ICX_SA_SPI_LIVE' }));
    again(1_000);
    expect([rxSpis(by, 1), rxSpis(by, 2)]).toEqual([[], [1]]);
  });

  test('an SPI may be that of the send SA: each host allocates its own', () => {
    const by = host();
    by.engine.installTx(saSpec({ spi: 1, key: KEY_A }), NOW);
    by.engine.installRx(saSpec({ spi: 1, key: KEY_B }), NOW);
    expect(rxSpis(by)).toEqual([1]);
  });

  test('make before break: old and new open side by side, the old one until its grace ends', () => {
    const by = host();
    by.engine.installRx(saSpec({ spi: 1, key: KEY_A }), NOW);
    by.engine.installRx(saSpec({ spi: 2, key: KEY_B }), NOW);
    by.engine.retireRx(1, GRACE, NOW);
    const old = (counter: bigint, afterMs: number) => by.decap(craftFrame(INNER, { counter }), NOW + afterMs);
    expect(old(1n, 0)).toEqual(INNER);
    expect(by.decap(craftFrame(INNER, { spi: 2, key: KEY_B }))).toEqual(INNER);
    expect(old(2n, GRACE - 1)).toEqual(INNER);
    by.engine.retireRx(1, GRACE, NOW + 20_000);
    expect(old(3n, GRACE)).toBe(DropCode.rxExpiredSa);
    by.engine.sweep(NOW + GRACE);
    expect(old(4n, GRACE)).toBe(DropCode.rxUnknownSpi);
    expect(by.engine.rxProgress(1)).toEqual([{ spi: 2, lane: 0, packets: 1, missing: 0, budgetUsed: 0 }]);
  });
});

describe('Engine.installTx()', () => {
  test('replaces the SA and starts its counter at 1', () => {
    const by = host();
    by.engine.installTx(saSpec({ spi: 1 }), NOW);
    by.encap(OUTBOUND);
    by.engine.installTx(saSpec({ spi: 2, key: KEY_B }), NOW);
    expect(by.engine.txProgress(1)).toMatchObject({ spi: 2, packets: 0 });
    const frame = by.encap(OUTBOUND) as Uint8Array;
    expect(new DataView(frame.buffer).getBigUint64(24)).toBe(1n);
  });

  test('refuses SPI and key that are live, also after they were removed: nonces would repeat', () => {
    const by = host();
    by.engine.installTx(saSpec(), NOW);
    const reused = expect.objectContaining({ code: 'ERR_ICX_SA_KEY_REUSED' });
    expect(() => by.engine.installTx(saSpec(), NOW)).toThrow(reused);
    by.engine.removeTx(1);
    expect(() => by.engine.installTx(saSpec(), NOW)).toThrow(reused);
    by.engine.installTx(saSpec({ key: KEY_B }), NOW);
  });

  test('destroys what it replaces, what expires and what goes with its peer', () => {
    const destroyed: string[] = [];
    const by = host({ aead: (memory) => watched(memory, destroyed) });
    by.engine.installTx(saSpec({ spi: 1 }), NOW);
    by.engine.installTx(saSpec({ spi: 2, key: KEY_B, lifetimeMs: 1_000 }), NOW);
    expect(destroyed).toEqual(['seal 1']);
    by.engine.sweep(NOW + 999);
    by.engine.sweep(NOW + 1_000);
    expect(destroyed).toEqual(['seal 1', 'seal 2']);
    by.engine.installRx(saSpec({ spi: 3 }), NOW);
    by.engine.installTx(saSpec({ spi: 4, key: KEY_C }), NOW);
    by.encap(OUTBOUND);
    by.engine.removePeer(1);
    expect(by.engine.lastPeer).toBe(null);
    expect(destroyed.slice(2)).toEqual(['seal 4', 'open 3']);
    expect(by.encap(OUTBOUND)).toBe(DropCode.txNoRoute);
    expect(by.decap(craftFrame(INNER, { spi: 3 }))).toBe(DropCode.rxUnknownSpi);
  });
});

/** The reference provider, noting what is destroyed for the first time. */
function watched(memory: PacketMemory, destroyed: string[]): AeadProvider {
  const real = nobleAead(memory);
  const note = <T extends { destroy(): void }>(key: T, name: string): T => {
    const destroy = key.destroy.bind(key);
    key.destroy = () => {
      if (!destroyed.includes(name)) destroyed.push(name);
      destroy();
    };
    return key;
  };
  return {
    name: real.name,
    sealKey: (suite, key, spi) => note(real.sealKey(suite, key, spi), `seal ${spi}`),
    openKey: (suite, key, spi) => note(real.openKey(suite, key, spi), `open ${spi}`),
  };
}

describe('Engine.removeNetwork()', () => {
  test('takes peers, routes and SAs along, and leaves other networks alone', () => {
    const by = host();
    by.engine.addNetwork(8);
    by.engine.setPeer(peerSpec({ slot: 2, vni: 8 }));
    by.engine.installRx(saSpec({ spi: 1 }), NOW);
    by.engine.installRx(saSpec({ slot: 2, vni: 8, spi: 2, key: KEY_B }), NOW);
    by.engine.removeNetwork(VNI);
    by.engine.removeNetwork(VNI);
    expect(by.engine.networks()).toEqual([8]);
    expect([by.engine.peer(1), rxSpis(by, 1)]).toEqual([undefined, []]);
    expect(by.decap(craftFrame(INNER))).toBe(DropCode.rxUnknownVni);
    expect(by.decap(craftFrame(INNER, { vni: 8, spi: 2, key: KEY_B }))).toEqual(INNER);
    by.engine.addNetwork(VNI);
    expect(by.decap(craftFrame(INNER))).toBe(DropCode.rxUnknownSpi);
  });
});

describe('Engine.installManual()', () => {
  function manual(epoch: number, overrides: Partial<ManualKeys> = {}): ManualKeys {
    const keys = { rxSpi: 1, rxKey: hexBytes(KEY_A), txSpi: 2, txKey: hexBytes(KEY_B) };
    return { slot: 1, epoch, suite: 0, lifetimeMs: DAY, ...keys, ...overrides };
  }

  test('installs both directions and overwrites both keys', () => {
    const by = host();
    const keys = manual(1);
    by.engine.installManual(keys, NOW);
    expect(by.decap(craftFrame(INNER))).toEqual(INNER);
    expect(by.encap(OUTBOUND)).toBeInstanceOf(Uint8Array);
    expect([...keys.rxKey, ...keys.txKey].every((byte) => byte === 0)).toBe(true);
  });

  test('the receive SA before lives for 30 s', () => {
    const by = host();
    by.engine.installManual(manual(1), NOW);
    by.engine.installManual(manual(2, { rxSpi: 3, txSpi: 4, rxKey: hexBytes(KEY_C) }), NOW);
    const old = (counter: bigint, afterMs: number) => by.decap(craftFrame(INNER, { counter }), NOW + afterMs);
    expect(old(1n, GRACE - 1)).toEqual(INNER);
    expect(old(2n, GRACE)).toBe(DropCode.rxExpiredSa);
    expect(by.decap(craftFrame(INNER, { spi: 3, key: KEY_C }), NOW + GRACE)).toEqual(INNER);
  });

  const FRESH = { rxSpi: 3, rxKey: KEY_C, txSpi: 4, txKey: '11'.repeat(16) };
  test.each([
    ['the same epoch', 5, {}, 'ERR_ICX_SA_EPOCH'],
    ['an earlier epoch', 4, {}, 'ERR_ICX_SA_EPOCH'],
    ['equal keys', 6, { txKey: KEY_C }, 'ERR_ICX_SA_KEYS_EQUAL'],
    ['equal SPIs', 6, { txSpi: 3 }, 'ERR_ICX_SA_SPI_LIVE'],
    ['SPI 0', 6, { txSpi: 0 }, 'ERR_ICX_SA_SPI'],
    ['a live receive SPI', 6, { rxSpi: 1 }, 'ERR_ICX_SA_SPI_LIVE'],
    ['SPI and key in use for sending', 6, { txSpi: 2, txKey: KEY_B }, 'ERR_ICX_SA_KEY_REUSED'],
    ['the send key for receiving', 6, { rxKey: KEY_B }, 'ERR_ICX_SA_KEYS_EQUAL'],
  ])('refuses %s and changes nothing', (_name, epoch, overrides, code) => {
    const by = host();
    by.engine.installManual(manual(5), NOW);
    const { rxKey, txKey, ...rest } = { ...FRESH, ...overrides };
    const keys = manual(epoch, { ...rest, rxKey: hexBytes(rxKey), txKey: hexBytes(txKey) });
    expect(() => by.engine.installManual(keys, NOW)).toThrow(expect.objectContaining({ code }));
    expect([rxSpis(by), by.engine.txProgress(1)?.spi]).toEqual([[1], 2]);
    expect(by.decap(craftFrame(INNER), NOW + GRACE)).toEqual(INNER);
    by.engine.installManual(
      manual(6, { ...FRESH, rxKey: hexBytes(KEY_C), txKey: hexBytes(FRESH.txKey) }),
      NOW,
    );
  });

  test('refuses an unknown slot and overwrites the keys', () => {
    const keys = manual(1, { slot: 9 });
    expect(() => host().engine.installManual(keys, NOW)).toThrow(/slot 9/);
    expect([...keys.rxKey, ...keys.txKey].every((byte) => byte === 0)).toBe(true);
  });
});
