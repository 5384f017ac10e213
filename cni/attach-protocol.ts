/**
 * What both sides of requests about containers spell alike: paths and error codes. Without schemas,
 * because the plugin starts anew for every container.
 */

/** Where an agent's admin socket answers, with POST. */
export const ATTACH_PATH = {
  attach: '/v1/attachments/attach',
  detach: '/v1/attachments/detach',
  check: '/v1/attachments/check',
  gc: '/v1/attachments/gc',
  ready: '/v1/attachments/ready',
  list: '/v1/attachments/list',
} as const;

/** `code` of the errors that an agent answers such requests with. */
export const AttachCode = {
  /** The agent has no network of that name or VNI, or several and none was named. */
  noNetwork: 'ERR_ICX_ATTACH_NETWORK',
  /** The network can't take containers, or not with these addresses. */
  unsupported: 'ERR_ICX_ATTACH_UNSUPPORTED',
  /** The container's network namespace is not there, or is none. */
  noNetns: 'ERR_ICX_ATTACH_NETNS',
  /** The container is attached already, or has an interface of that name. */
  exists: 'ERR_ICX_ATTACH_EXISTS',
  /** Another attachment or another station has the address; the message names it. */
  addressTaken: 'ERR_ICX_ATTACH_ADDRESS',
  /** Another attachment or another process has the host's port; the message names it. */
  portTaken: 'ERR_ICX_ATTACH_PORT',
  /** The kernel refused; the message says what. */
  kernel: 'ERR_ICX_ATTACH_KERNEL',
  /** Not now: the agent is starting, reloading or stopping. The same request may be repeated. */
  busy: 'ERR_ICX_ATTACH_BUSY',
} as const;
export type AttachCode = (typeof AttachCode)[keyof typeof AttachCode];
