import { describe, expect, test } from 'vitest';
import { NeighbourCounter } from '../../../dataplane/l2/neighbour-counters.ts';
import { Claim, NeighbourTable, type StaticNeighbour } from '../../../dataplane/l2/neighbour-table.ts';
import { parseIp } from '../../../dataplane/wire/ip-text.ts';
import { parseMac } from '../../../dataplane/wire/mac-text.ts';

const IP_AT = 1;
const MAC_AT = 20;
const view = new DataView(new ArrayBuffer(32));
const LOCAL = 0;
const PEER = 5;
const START_MS = 1.7e12;

function ipOf(text: string) {
  const ip = parseIp(text);
  if (ip === null) throw new Error(`${text} is no address`);
  return ip;
}

function macOf(text: string) {
  const mac = parseMac(text);
  if (mac === null) throw new Error(`${text} is no MAC address`);
  return mac;
}

function putIp(text: string): 4 | 6 {
  const ip = ipOf(text);
  ip.words.forEach((word, i) => {
    view.setUint32(IP_AT + i * 4, word);
  });
  return ip.family;
}

class Rig {
  readonly table: NeighbourTable;
  nowMs = START_MS;

  constructor(options: { maxEntries?: number; ageingMs?: number } = {}) {
    this.table = new NeighbourTable({ seed: 99, ...options });
    this.table.addPort(LOCAL, false, 3);
    this.table.addPort(PEER, true);
  }

  learn(ip: string, mac: string, port = LOCAL, { vlan = 0, claims = Claim.overrides as number } = {}): void {
    const family = putIp(ip);
    const { high, low } = macOf(mac);
    view.setUint16(MAC_AT, high);
    view.setInt32(MAC_AT + 2, low);
    this.table.learn(view, family, IP_AT, vlan, MAC_AT, port, claims, this.nowMs);
  }

  setStatic(ip: string, mac: string, port: number, rest: Partial<StaticNeighbour> = {}): void {
    this.table.setStatic({ ip: ipOf(ip), mac: macOf(mac), port, ...rest });
  }

  find(ip: string, vlan = 0): number {
    return this.table.find(view, putIp(ip), IP_AT, vlan, this.nowMs);
  }

  get known(): string[] {
    return [...this.table.entries(this.nowMs)].map((e) => `${e.ip} ${e.mac} ${e.port}`).sort();
  }

  count(counter: NeighbourCounter): number {
    return this.table.counters[counter] ?? 0;
  }
}

const MAC_A = '02:00:00:00:00:0a';
const MAC_B = 'fe:ff:ff:ff:ff:fe';

describe('NeighbourTable.learn()', () => {
  test('keeps address, MAC address, port, VLAN and age', () => {
    const rig = new Rig();
    rig.learn('10.77.0.1', MAC_A, LOCAL, { vlan: 100 });
    rig.nowMs += 1500;
    rig.learn('fd77::1', MAC_B, PEER);
    expect([...rig.table.entries(rig.nowMs)].sort((a, b) => b.ageMs - a.ageMs)).toEqual([
      { ip: '10.77.0.1', mac: MAC_A, port: LOCAL, vlan: 100, isStatic: false, ageMs: 1500 },
      { ip: 'fd77::1', mac: MAC_B, port: PEER, vlan: 0, isStatic: false, ageMs: 0 },
    ]);
    expect([rig.find('10.77.0.1'), rig.find('fd77::2')]).toEqual([-1, -1]);
    const entry = rig.find('fd77::1');
    expect([rig.table.macHigh(entry), rig.table.macLow(entry)]).toEqual([0xfeff, 0xfffffffe | 0]);
    expect(rig.table.port(entry)).toBe(PEER);
    expect(rig.table.size).toBe(2);
  });

  test('hasMac() compares all six bytes', () => {
    const rig = new Rig();
    rig.learn('10.77.0.1', MAC_A);
    const entry = rig.find('10.77.0.1');
    expect(rig.table.hasMac(entry, view, MAC_AT)).toBe(true);
    for (let i = 0; i < 6; i++) {
      view.setUint8(MAC_AT + i, view.getUint8(MAC_AT + i) ^ 1);
      expect(rig.table.hasMac(entry, view, MAC_AT)).toBe(false);
      view.setUint8(MAC_AT + i, view.getUint8(MAC_AT + i) ^ 1);
    }
  });

  test.each([
    ['224.0.0.1', MAC_A],
    ['10.77.0.1', '03:00:00:00:00:0a'],
    ['10.77.0.1', 'ff:ff:ff:ff:ff:ff'],
    ['10.77.0.1', '00:00:00:00:00:00'],
    ['ff02::1', MAC_A],
  ])('counts %s at %s as malformed', (ip, mac) => {
    const rig = new Rig();
    rig.learn(ip, mac);
    expect(rig.known).toEqual([]);
    expect(rig.count(NeighbourCounter.malformed)).toBe(1);
  });

  test.each(['00:01:00:00:00:00', '00:00:00:00:00:01'])('takes %s', (mac) => {
    const rig = new Rig();
    rig.learn('10.77.0.1', mac);
    expect(rig.known).toEqual([`10.77.0.1 ${mac} 0`]);
  });

  test.each<[string, string, number, number]>([
    ['another MAC address', MAC_B, LOCAL, 1],
    ['a MAC address that differs in the first two bytes', 'fe:00:00:00:00:0a', LOCAL, 1],
    ['another port', MAC_A, PEER, 1],
    ['the same', MAC_A, LOCAL, 0],
  ])('of %s counts the move', (_, mac, port, moved) => {
    const rig = new Rig();
    rig.learn('10.77.0.1', MAC_A);
    rig.learn('10.77.0.1', mac, port);
    expect(rig.known).toEqual([`10.77.0.1 ${mac} ${port}`]);
    expect([rig.count(NeighbourCounter.moved), rig.count(NeighbourCounter.learned)]).toEqual([moved, 1]);
  });

  test('without overriding changes no MAC address, but the port', () => {
    const rig = new Rig();
    rig.learn('fd77::1', MAC_A);
    rig.learn('fd77::1', MAC_B, PEER, { claims: Claim.saysRouter | Claim.isRouter });
    expect(rig.known).toEqual([`fd77::1 ${MAC_A} 0`]);
    expect(rig.table.saysRouter(rig.find('fd77::1'))).toBe(false);
    rig.learn('fd77::1', MAC_A, PEER, { claims: 0 });
    expect(rig.known).toEqual([`fd77::1 ${MAC_A} 5`]);
  });

  test('keeps what was said of routers until another is said or the MAC address changes', () => {
    const rig = new Rig();
    const says = () => {
      const entry = rig.find('fd77::1');
      return [rig.table.saysRouter(entry), rig.table.isRouter(entry)];
    };
    rig.learn('fd77::1', MAC_A, PEER);
    expect(says()).toEqual([false, false]);
    rig.learn('fd77::1', MAC_A, PEER, { claims: Claim.saysRouter | Claim.isRouter });
    expect(says()).toEqual([true, true]);
    rig.learn('fd77::1', MAC_A, LOCAL);
    expect(says()).toEqual([true, true]);
    rig.learn('fd77::1', MAC_A, LOCAL, { claims: Claim.saysRouter });
    expect(says()).toEqual([true, false]);
    rig.learn('fd77::1', MAC_B, LOCAL);
    expect(says()).toEqual([false, false]);
  });

  test('refuses an address beyond the port’s cap, and refreshes those below', () => {
    const rig = new Rig();
    for (let n = 1; n <= 5; n++) rig.learn(`10.77.0.${n}`, MAC_A);
    expect(rig.known).toEqual([1, 2, 3].map((n) => `10.77.0.${n} ${MAC_A} 0`));
    expect(rig.count(NeighbourCounter.refusedByCap)).toBe(2);
    rig.learn('10.77.0.3', MAC_B);
    rig.learn('10.77.0.4', MAC_A, PEER);
    expect(rig.known).toContain(`10.77.0.3 ${MAC_B} 0`);
    expect(rig.known).toContain(`10.77.0.4 ${MAC_A} 5`);
    rig.table.remove(ipOf('10.77.0.1'));
    rig.learn('10.77.0.5', MAC_A);
    expect(rig.known).toContain(`10.77.0.5 ${MAC_A} 0`);
  });

  test('forgets an address that moved to a port without room', () => {
    const rig = new Rig();
    for (let n = 1; n <= 3; n++) rig.learn(`10.77.0.${n}`, MAC_A);
    rig.learn('10.77.0.9', MAC_A, PEER);
    rig.learn('10.77.0.9', MAC_B, LOCAL);
    expect(rig.find('10.77.0.9')).toBe(-1);
    expect([rig.count(NeighbourCounter.refusedByCap), rig.count(NeighbourCounter.moved)]).toEqual([1, 0]);
  });

  test('makes room on a port that an address left', () => {
    const rig = new Rig();
    for (let n = 1; n <= 3; n++) rig.learn(`10.77.0.${n}`, MAC_A);
    rig.learn('10.77.0.1', MAC_A, PEER);
    rig.learn('10.77.0.4', MAC_A);
    expect(rig.known).toHaveLength(4);
  });

  test('refuses an address beyond the table’s cap, and one from a port that was not added', () => {
    const rig = new Rig({ maxEntries: 2 });
    rig.learn('10.77.0.1', MAC_A, 4);
    rig.learn('10.77.0.1', MAC_A, 77);
    expect(rig.known).toEqual([]);
    for (let n = 1; n <= 3; n++) rig.learn(`10.77.0.${n}`, MAC_A, PEER);
    expect(rig.known).toHaveLength(2);
    expect(rig.count(NeighbourCounter.refusedByCap)).toBe(3);
  });

  test('by default holds 16,384 addresses, 1,024 a port', () => {
    const rig = new Rig();
    for (let port = 100; port < 117; port++) rig.table.addPort(port, true);
    for (let n = 0; n < 17 * 1100; n++) {
      rig.learn(`10.1.${n >>> 8}.${n & 0xff}`, MAC_A, 100 + Math.floor(n / 1100));
    }
    expect(rig.table.size).toBe(16_384);
    expect([...rig.table.entries(rig.nowMs)].filter((e) => e.port === 100)).toHaveLength(1024);
  });
});

describe('NeighbourTable ages', () => {
  test('entries nobody repeats for 300 s', () => {
    const rig = new Rig();
    rig.learn('10.77.0.1', MAC_A);
    rig.learn('10.77.0.2', MAC_A);
    rig.nowMs += 300_000;
    rig.learn('10.77.0.2', MAC_A);
    expect(rig.find('10.77.0.1')).not.toBe(-1);
    rig.nowMs += 1;
    expect(rig.find('10.77.0.1')).toBe(-1);
    expect(rig.known).toEqual([`10.77.0.2 ${MAC_A} 0`]);
    expect(rig.table.size).toBe(2);
    rig.table.sweep(rig.nowMs);
    expect([rig.table.size, rig.count(NeighbourCounter.aged)]).toEqual([1, 1]);
  });

  test('as learned anew, not moved, when the address comes back elsewhere', () => {
    const rig = new Rig({ ageingMs: 10 });
    rig.learn('fd77::1', MAC_A);
    rig.nowMs += 11;
    rig.learn('fd77::1', MAC_B, PEER, { claims: 0 });
    expect(rig.known).toEqual([`fd77::1 ${MAC_B} 5`]);
    expect([rig.count(NeighbourCounter.moved), rig.count(NeighbourCounter.learned)]).toEqual([0, 2]);
  });

  test('all of many at once, with room for as many again', () => {
    const rig = new Rig({ ageingMs: 10, maxEntries: 900 });
    for (let n = 0; n < 900; n++) rig.learn(`10.1.${n >>> 8}.${n & 0xff}`, MAC_A, PEER);
    rig.nowMs += 11;
    rig.table.sweep(rig.nowMs);
    expect(rig.table.size).toBe(0);
    for (let n = 0; n < 900; n++) rig.learn(`10.2.${n >>> 8}.${n & 0xff}`, MAC_A, PEER);
    expect(rig.table.size).toBe(900);
  });

  test('nothing when the clock steps back', () => {
    const rig = new Rig();
    rig.learn('10.77.0.1', MAC_A);
    rig.nowMs -= 1e9;
    expect(rig.find('10.77.0.1')).not.toBe(-1);
  });
});

describe('NeighbourTable.setStatic()', () => {
  test('keeps an entry against traffic and time, and counts claims against it', () => {
    const rig = new Rig();
    rig.learn('10.77.0.1', MAC_B);
    rig.setStatic('10.77.0.1', MAC_A, PEER);
    rig.learn('10.77.0.1', MAC_A, PEER);
    expect(rig.count(NeighbourCounter.refusedByStatic)).toBe(0);
    rig.learn('10.77.0.1', MAC_B, PEER);
    rig.learn('10.77.0.1', MAC_A, LOCAL);
    rig.nowMs += 1e9;
    rig.table.sweep(rig.nowMs);
    expect([...rig.table.entries(rig.nowMs)]).toEqual([
      { ip: '10.77.0.1', mac: MAC_A, port: PEER, vlan: 0, isStatic: true, ageMs: 0 },
    ]);
    expect([rig.count(NeighbourCounter.refusedByStatic), rig.count(NeighbourCounter.moved)]).toEqual([2, 0]);
  });

  test('is beyond all caps and takes no learned entry’s room', () => {
    const rig = new Rig({ maxEntries: 3 });
    for (let n = 1; n <= 5; n++) rig.setStatic(`10.77.0.${n}`, MAC_A, LOCAL);
    for (let n = 6; n <= 9; n++) rig.learn(`10.77.0.${n}`, MAC_A);
    expect(rig.table.size).toBe(8);
    rig.table.remove(ipOf('10.77.0.1'));
    rig.learn('10.77.0.9', MAC_A, PEER);
    expect(rig.table.size).toBe(7);
  });

  test('replaces another one, and says whether it is a router', () => {
    const rig = new Rig();
    rig.setStatic('fd77::1', MAC_A, PEER, { isRouter: true });
    expect(rig.table.isRouter(rig.find('fd77::1'))).toBe(true);
    rig.setStatic('fd77::1', MAC_B, LOCAL);
    const entry = rig.find('fd77::1');
    expect([rig.table.isRouter(entry), rig.table.saysRouter(entry)]).toEqual([false, true]);
    expect(rig.known).toEqual([`fd77::1 ${MAC_B} 0`]);
  });

  test('is for one VLAN', () => {
    const rig = new Rig();
    rig.setStatic('10.77.0.1', MAC_A, PEER, { vlan: 2 ** 24 - 1 });
    expect(rig.find('10.77.0.1')).toBe(-1);
    expect(rig.find('10.77.0.1', 2 ** 24 - 1)).not.toBe(-1);
    expect(rig.table.remove(ipOf('10.77.0.1'))).toBe(false);
    expect(rig.table.remove(ipOf('10.77.0.1'), 2 ** 24 - 1)).toBe(true);
  });

  test.each<[string, string, number, number]>([
    ['224.0.0.1', MAC_A, PEER, 0],
    ['10.77.0.1', '01:00:00:00:00:01', PEER, 0],
    ['10.77.0.1', '00:00:00:00:00:00', PEER, 0],
    ['10.77.0.1', MAC_A, 9, 0],
    ['10.77.0.1', MAC_A, PEER, -1],
    ['10.77.0.1', MAC_A, PEER, 2 ** 24],
    ['10.77.0.1', MAC_A, PEER, 0.5],
  ])('refuses %s at %s behind port %d in VLAN %d', (ip, mac, port, vlan) => {
    const rig = new Rig();
    expect(() => rig.setStatic(ip, mac, port, { vlan })).toThrow(/^neighbour .*(224|10\.77)/);
    expect(rig.table.size).toBe(0);
  });
});

describe('NeighbourTable forgets', () => {
  test('what a port taught, by flushPort()', () => {
    const rig = new Rig();
    rig.learn('10.77.0.1', MAC_A, PEER);
    rig.learn('10.77.0.2', MAC_A, LOCAL);
    rig.setStatic('10.77.0.3', MAC_A, PEER);
    rig.table.flushPort(PEER);
    expect(rig.known).toEqual([`10.77.0.2 ${MAC_A} 0`, `10.77.0.3 ${MAC_A} 5`]);
    expect(rig.count(NeighbourCounter.aged)).toBe(0);
  });

  test('all of a port, and the port, by removePort()', () => {
    const rig = new Rig();
    for (let n = 1; n <= 3; n++) rig.learn(`10.77.0.${n}`, MAC_A, LOCAL);
    rig.setStatic('10.77.0.4', MAC_A, LOCAL);
    rig.learn('10.77.0.5', MAC_A, PEER);
    rig.table.removePort(LOCAL);
    expect(rig.known).toEqual([`10.77.0.5 ${MAC_A} 5`]);
    rig.learn('10.77.0.1', MAC_A, LOCAL);
    expect(rig.known).toHaveLength(1);
    rig.table.addPort(LOCAL, true, 1);
    expect(rig.table.isRemote(LOCAL)).toBe(true);
    rig.learn('10.77.0.1', MAC_A, LOCAL);
    expect(rig.known).toHaveLength(2);
  });
});
