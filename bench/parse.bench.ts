/** What does it cost to read the headers of a frame: the Geneve options, and the inner IP header? */
import * as geneve from '../dataplane/wire/geneve.ts';
import { checkPacket } from '../dataplane/wire/ip.ts';
import { bench } from './harness.ts';

const FRAMES = 64;
const STRIDE = 256;
const SPI = 0x4000_0001;
/** Class 0x0102, type 1, one word: not ours and not critical. */
const FOREIGN_OPTION = 0x0102_0101;
const FOREIGN_LEN = 8;

/** Frames with `foreign` options in front of ours. */
function frames(foreign: number): DataView {
  const view = new DataView(new ArrayBuffer(FRAMES * STRIDE));
  for (let at = 0; at < view.byteLength; at += STRIDE) {
    geneve.writeSealedHeader(view, at, geneve.ProtocolType.ipv4, 1, SPI);
    geneve.writeCounter(view, at + geneve.SEALED_NONCE_AT, 7);
    const bytes = new Uint8Array(view.buffer, at, STRIDE);
    const shift = foreign * FOREIGN_LEN;
    bytes.copyWithin(geneve.BASE_LEN + shift, geneve.BASE_LEN, geneve.SEALED_HEADER_LEN);
    for (let i = 0; i < foreign; i++) view.setUint32(at + geneve.BASE_LEN + i * FOREIGN_LEN, FOREIGN_OPTION);
    view.setUint8(at, (geneve.SEALED_HEADER_LEN - geneve.BASE_LEN + shift) / 4);
  }
  return view;
}

function walk(foreign: number) {
  const view = frames(foreign);
  const found = { spi: 0, nonceAt: 0 };
  let good = 0;
  const run = () => {
    good = 0;
    for (let i = 0; i < FRAMES; i++) {
      const at = i * STRIDE;
      if (geneve.version(view, at) !== 0 || geneve.isControl(view, at) || geneve.vni(view, at) !== 1)
        continue;
      const fault = geneve.findOptions(view, at, geneve.headerLen(view, at), found);
      if (fault === geneve.OptionFault.none && geneve.readCounter(view, found.nonceAt) === 7) good++;
    }
  };
  run();
  if (good !== FRAMES || found.spi !== SPI)
    throw new Error(`${good} of ${FRAMES} frames read, SPI ${found.spi}`);
  return { packets: FRAMES, run };
}

function check(firstWord: number, secondWord: number) {
  const view = new DataView(new ArrayBuffer(FRAMES * STRIDE));
  for (let at = 0; at < view.byteLength; at += STRIDE) {
    view.setUint32(at, firstWord);
    view.setUint32(at + 4, secondWord);
  }
  let good = 0;
  const run = () => {
    good = 0;
    for (let i = 0; i < FRAMES; i++) if (checkPacket(view, i * STRIDE, 64)) good++;
  };
  run();
  if (good !== FRAMES) throw new Error(`${good} of ${FRAMES} packets are whole`);
  return { packets: FRAMES, run };
}

bench(import.meta.url, 'reading headers', [
  { name: 'Geneve, our two options', prepare: () => walk(0) },
  { name: 'Geneve, four foreign options before ours', prepare: () => walk(4) },
  { name: 'inner IPv4', prepare: () => check(0x4500_0040, 0) },
  { name: 'inner IPv6', prepare: () => check(0x6000_0000, 0x0018_3b40) },
]);
