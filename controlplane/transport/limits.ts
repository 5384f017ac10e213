/**
 * What one control transport grants to those who connect to it.
 */

/** Application protocol of the control connection. */
export const ALPN = 'icx/1';
/**
 * Handshakes under way at once, and how many of them one source address may hold: a host that
 * shares 64 networks with us dials in all of them at the same moment, and so do 64 hosts behind one
 * address.
 */
export const MAX_HANDSHAKES = 384;
export const MAX_HANDSHAKES_PER_SOURCE = 96;
/** Handshakes per second and source, and how many may come at once: each costs signatures. */
export const HANDSHAKES_PER_S = 50;
export const HANDSHAKES_BURST = 200;
/** Connections one authorized key may hold: in 64 networks one in use, the others being replaced. */
export const MAX_CONNECTIONS_PER_KEY = 256;
/** Connections of keys that the transport can't tell apart, all together. */
export const MAX_UNVERIFIED_CONNECTIONS = 1_024;
/** Time for the transport's handshake, and again for the first stream after it. */
export const ACCEPT_TIMEOUT_MS = 10_000;
/** Time that a closing connection has to hand over what was written before. */
export const FLUSH_MS = 250;
/** Time for all connections to say goodbye, and for the listener to go, when a transport closes. */
export const GOODBYE_MS = 400;
/** Bytes taken from the library by one read, and given to it by one write. */
export const PIECE_LEN = 16_384;
/** Characters of a close reason that are sent, or taken from a peer. */
export const MAX_REASON_LEN = 200;
/** Time for a TCP connection to close by itself after its session did. */
export const LINGER_MS = 100;
