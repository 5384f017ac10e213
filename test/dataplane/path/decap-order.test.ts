/** A frame with many faults is dropped for the first of them, in the order of the protocol. */
import { expect, test } from 'vitest';
import { DropCode } from '../../../dataplane/path/drop.ts';
import { counterOption, craftFrame, type FrameFields, spiOption } from './frames.ts';
import { Host, KEY_B, NOW, PEER_ENDPOINT, peerSpec, saSpec, VNI } from './host.ts';
import { ipPacket } from './packets.ts';

const LIFETIME = 1_000;
const STRANGER = { address: '198.51.100.66', port: 6081 };

interface Fault {
  readonly code: DropCode;
  readonly fields?: FrameFields;
  readonly inner?: Uint8Array;
  readonly fromStranger?: boolean;
  readonly expired?: boolean;
  readonly overLimit?: boolean;
}

/** Each is one fault more than the next; the last has none but the inner destination. */
const FAULTS: readonly Fault[] = [
  { code: DropCode.rxMalformed, fields: { version: 1 } },
  { code: DropCode.rxUnknownVni, fields: { vni: 8 } },
  { code: DropCode.rxBadPeer, fromStranger: true },
  { code: DropCode.rxMissingOption, fields: { options: spiOption(3) } },
  { code: DropCode.rxUnknownSpi, fields: { options: spiOption(3) + counterOption(2, 1n) } },
  { code: DropCode.rxExpiredSa, fields: { options: spiOption(1) + counterOption(2, 1n) }, expired: true },
  { code: DropCode.rxSpiMismatch, fields: { nonceSpi: 2 } },
  { code: DropCode.rxRateLimited, overLimit: true },
  { code: DropCode.rxAuthFailed, fields: { key: KEY_B } },
  { code: DropCode.rxReplay, fields: { counter: 0n } },
  { code: DropCode.rxInnerMalformed, inner: new Uint8Array(0) },
  { code: DropCode.rxInnerSource, inner: ipPacket({ src: '10.9.9.9', dst: '10.78.0.1' }) },
  { code: DropCode.rxInnerDestination, inner: ipPacket({ src: '10.77.0.2', dst: '10.78.0.1' }) },
];

function codeWithFaultsFrom(first: number): unknown {
  const faults = FAULTS.slice(first);
  const by = new Host();
  by.engine.addNetwork(VNI);
  const routes = [{ dst: '10.77.0.2/32', src: '10.77.0.0/24' }];
  by.engine.setPeer(peerSpec({ routes, validateSource: true, rxRateLimitPps: 1 }));
  by.engine.installRx(saSpec({ lifetimeMs: LIFETIME }), NOW);
  if (faults.some((fault) => fault.overLimit))
    by.decap(craftFrame(new Uint8Array(0), { type: 0, counter: 9n }));
  // Earlier faults overwrite what later ones set, since one field holds one value.
  const fields = Object.assign({}, ...faults.map((fault) => fault.fields).reverse());
  const inner = faults.find((fault) => fault.inner)?.inner ?? new Uint8Array(0);
  const source = faults.some((fault) => fault.fromStranger) ? STRANGER : PEER_ENDPOINT;
  const nowMs = faults.some((fault) => fault.expired) ? NOW + LIFETIME : NOW;
  return by.decap(craftFrame(inner, fields), nowMs, source);
}

test.each(FAULTS.map(({ code }, index) => ({ code, index })))(
  'Engine.decap() reports fault $index before all later ones',
  ({ code, index }) => {
    expect(codeWithFaultsFrom(index)).toBe(code);
  },
);
