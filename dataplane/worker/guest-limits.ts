/** Bounds of what guests may take. */

/** Addresses behind one guest whose MAC address is remembered. */
export const MAX_NEIGHBOURS = 1_024;
