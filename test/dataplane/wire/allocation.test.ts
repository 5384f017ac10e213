import { describe, expect, test } from 'vitest';
import { sumBytes } from '../../../dataplane/wire/checksum.ts';
import {
  equalsEndpoint,
  parseEndpoint,
  readSockaddr,
  writeEndpoint,
} from '../../../dataplane/wire/endpoint.ts';
import * as geneve from '../../../dataplane/wire/geneve.ts';
import { checkPacket, findUpperLayer } from '../../../dataplane/wire/ip.ts';
import { createUpperLayer } from '../../../dataplane/wire/upper-layer.ts';
import { allocatedPerCall } from './allocation.ts';
import { UDP, V4, v6Packet } from './packets.ts';
import { AT, viewOf } from './view-of.ts';

const header = viewOf('0640080000000100ff008101c0000002ff008203c0000002001fffffffffffff');
const options: geneve.GeneveOptions = { spi: 0, nonceAt: 0 };
const upper = createUpperLayer();
const packets = [viewOf(V4), viewOf(v6Packet(44, `1100 0001 00000007 ${UDP}`))];
const endpoint = parseEndpoint({ address: '192.0.2.1', port: 40_000 });
const record = viewOf('0200 17c1 c0000201 0000000000000000');

/** The sum keeps calls from being dropped as unused. */
let sum = 0;

describe('allocation', () => {
  test('allocatedPerCall() sees an object made per call', () => {
    const kept: object[] = [];
    expect(allocatedPerCall((i) => (kept[i & 1023] = { i }))).toBeGreaterThan(8);
  });

  test('geneve reads and writes allocate nothing', () => {
    const allocated = allocatedPerCall((i) => {
      geneve.writeSealedHeader(header, AT, 0x0800, i, 0xc0000002);
      geneve.writeCounter(header, AT + geneve.SEALED_NONCE_AT, 2 ** 40 + i);
      geneve.findOptions(header, AT, geneve.headerLen(header, AT), options);
      if (geneve.readCounter(header, options.nonceAt) === 2 ** 40 + i) sum += geneve.vni(header, AT) & 1;
    });
    expect(allocated).toBeLessThan(1);
  });

  test('IP checks, checksums and endpoints allocate nothing', () => {
    const allocated = allocatedPerCall((i) => {
      const view = packets[i & 1] ?? header;
      if (checkPacket(view, AT, 56) && findUpperLayer(view, AT, upper)) sum += upper.protocol & 1;
      sum += sumBytes(view, AT, 56) & 1;
      readSockaddr(record, AT, AT + 24);
      if (equalsEndpoint(record, AT + 24, endpoint)) sum++;
      writeEndpoint(record, AT + 48, endpoint);
    });
    expect(allocated).toBeLessThan(1);
    expect(sum).toBeGreaterThan(0);
  });
});
