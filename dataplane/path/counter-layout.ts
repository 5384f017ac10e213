/** How a row of a counter block is laid out. */
import { DROP_COUNT } from './drop.ts';

/** Columns of a row; the drop codes follow from `DROP_BASE`, each at base + code. */
export const Column = {
  /** Datagrams from the underlay. */
  rxReceived: 0,
  /** Inner packets opened, checked and delivered. */
  rxPackets: 1,
  rxBytes: 2,
  rxKeepalives: 3,
  /** Packets taken from the port. */
  txReceived: 4,
  /** Inner packets sealed and given to the underlay. */
  txPackets: 5,
  txBytes: 6,
  /** Keepalives sent; they come from no port and are not in `txReceived`. */
  txKeepalives: 7,
  /** Time of the last authenticated frame, in ms on the engine's clock. */
  lastRxAtMs: 8,
  /** SPI of the current send SA, 0 for none; this and the next two as of the last sweep or install. */
  txSpi: 9,
  /** Frames that the current send SA sealed. */
  txSealed: 10,
  /** Share of its AEAD budget that the current send SA used, 0 to 1. */
  txBudgetUsed: 11,
} as const;

/** Column of drop code `c` is `DROP_BASE + c`; code 0 does not exist. */
export const DROP_BASE = 11;
const USED_COLUMNS = DROP_BASE + DROP_COUNT + 1;
/** A row is whole cache lines of 64 bytes. */
export const ROW_LEN = Math.ceil(USED_COLUMNS / 8) * 8;
