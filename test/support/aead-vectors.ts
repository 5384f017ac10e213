/**
 * Published answers for the AEAD tests.
 *
 * GCM: McGrew and Viega, The Galois/Counter Mode of Operation (GCM), appendix B, all cases with
 * a 96-bit nonce and a 128-bit or 256-bit key. Frames: computed with node:crypto from the layout
 * of one sealed packet, the UDP payload byte for byte.
 */

export interface GcmVector {
  readonly name: string;
  readonly suite: 0 | 1;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly plain: string;
  /** Ciphertext and tag. */
  readonly sealed: string;
}

const ZERO_NONCE = '000000000000000000000000';
const NONCE = 'cafebabefacedbaddecaf888';
const ZERO_KEY = '00000000000000000000000000000000';
const KEY = 'feffe9928665731c6d6a8f9467308308';
const ZERO_BLOCK = '00000000000000000000000000000000';
const AAD = 'feedfacedeadbeeffeedfacedeadbeefabaddad2';
const PLAIN_60 =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
  '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39';
const PLAIN_64 = `${PLAIN_60}1aafd255`;
const SEALED_128 =
  '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e' +
  '21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091';
const SEALED_256 =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
  '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662';

// biome-ignore format: one case a line
export const GCM_VECTORS: readonly GcmVector[] = [
  { name: 'case 1', suite: 0, key: ZERO_KEY, nonce: ZERO_NONCE, aad: '', plain: '', sealed: '58e2fccefa7e3061367f1d57a4e7455a' },
  { name: 'case 2', suite: 0, key: ZERO_KEY, nonce: ZERO_NONCE, aad: '', plain: ZERO_BLOCK, sealed: '0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf' },
  { name: 'case 3', suite: 0, key: KEY, nonce: NONCE, aad: '', plain: PLAIN_64, sealed: `${SEALED_128}473f59854d5c2af327cd64a62cf35abd2ba6fab4` },
  { name: 'case 4', suite: 0, key: KEY, nonce: NONCE, aad: AAD, plain: PLAIN_60, sealed: `${SEALED_128}5bc94fbc3221a5db94fae95ae7121a47` },
  { name: 'case 13', suite: 1, key: ZERO_KEY + ZERO_KEY, nonce: ZERO_NONCE, aad: '', plain: '', sealed: '530f8afbc74536b9a963b4f1c4cb738b' },
  { name: 'case 14', suite: 1, key: ZERO_KEY + ZERO_KEY, nonce: ZERO_NONCE, aad: '', plain: ZERO_BLOCK, sealed: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919' },
  { name: 'case 15', suite: 1, key: KEY + KEY, nonce: NONCE, aad: '', plain: PLAIN_64, sealed: `${SEALED_256}898015adb094dac5d93471bdec1a502270e3cc6c` },
  { name: 'case 16', suite: 1, key: KEY + KEY, nonce: NONCE, aad: AAD, plain: PLAIN_60, sealed: `${SEALED_256}76fc6ece0f4e1768cddf8853bb2d551b` },
];

export interface FrameVector {
  readonly name: string;
  readonly suite: 0 | 1;
  readonly key: string;
  readonly spi: number;
  readonly counter: number;
  readonly inner: string;
  /** Header (32 bytes), ciphertext, tag. */
  readonly payload: string;
}

// biome-ignore format: values are long
export const FRAME_VECTORS: readonly FrameVector[] = [
  {
    name: 'IPv4',
    suite: 0,
    key: '30313233343536373839616263646566',
    spi: 0x00000001,
    counter: 1,
    inner: '4500002000010000401166300a4d00010a4d0002c0000035000c0000deadbeef',
    payload: '0640080000000700ff00810100000001ff0082030000000100000000000000015ef91f477dcb2777f4deabd096379c04a9ab1ce0ad5869fae26b2cbf94687410ce8aa07bff388e7a7e2941442021e653',
  },
  {
    name: 'IPv6',
    suite: 0,
    key: '30313233343536373839616263646566',
    spi: 0x40000001,
    counter: 2,
    inner: '6000000000081140fd770000000000000000000000000001fd770000000000000000000000000002c0000035000844b6',
    payload: '064086ddffffff00ff00810140000001ff008203400000010000000000000002fc92781f6027ce2094c146dd0fe03bb66e88e9df4e986d957d0be519f5790c82001ba795fb792455f33e6bf1207ab146bf715288c0b01fd1331de8aa206199bc',
  },
  {
    name: 'keepalive',
    suite: 0,
    key: '30313233343536373839616263646566',
    spi: 0x80000001,
    counter: 3,
    inner: '',
    payload: '0640000000000700ff00810180000001ff00820380000001000000000000000340e4b9714f85e215b2477c6c39fd8403',
  },
  {
    name: 'Ethernet',
    suite: 0,
    key: '30313233343536373839616263646566',
    spi: 0x3fffffff,
    counter: 4294967296,
    inner: '0242ac1100020242ac11000308004500002000010000401166300a4d00010a4d0002c0000035000c0000deadbeef',
    payload: '0640655800002a00ff0081013fffffffff0082033fffffff0000000100000000c1e0f2739e08ed8281157aaeae2e2209afe251d6f22a3f92c1eaf2204cfe3ffa4e93a05b41be7c2991a40129b8977a3109bf54ae8689ea283927ed85d093',
  },
  {
    name: 'AES-256, counter 2^53-1',
    suite: 1,
    key: '3031323334353637383961626364656666656463626139383736353433323130',
    spi: 0xc0000002,
    counter: Number.MAX_SAFE_INTEGER,
    inner: '4500002000010000401166300a4d00010a4d0002c0000035000c0000deadbeef',
    payload: '0640080000000100ff008101c0000002ff008203c0000002001fffffffffffff85919493712b6b60ffbfa2dd9b703b1ee6ed22916c54cf562cf365a23cb3ddb5f64f4b112a72676dbcb198a24ccd4277',
  },
];
