/** Where agents put their admin sockets. */

/** Several hosts simulated on one machine need one each. */
export const RUN_DIR = process.env.ICX_RUN_DIR ?? '/run/icx';
