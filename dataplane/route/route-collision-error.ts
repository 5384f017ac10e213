/** The error for one route with two owners. */

import { formatPrefix, type Prefix } from './prefix.ts';

/** A route was refused because another owner has the very same one. Nothing was changed. */
export class RouteCollisionError extends Error {
  readonly code = 'ERR_ICX_ROUTE_COLLISION';
  readonly hint = 'give this pair of prefixes to one of the two peers only';
  readonly dst: Prefix;
  readonly src: Prefix;

  constructor(dst: Prefix, src: Prefix) {
    super(
      `Cannot add route to ${formatPrefix(dst)} from ${formatPrefix(src)}: another peer has the same one`,
    );
    this.name = 'RouteCollisionError';
    this.dst = dst;
    this.src = src;
  }
}
