/** The ports that a running agent can be given, with the keys of a config's `[[port]]`. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { parsePrefix } from '../dataplane/route/prefix.ts';

/** Longest path that a socket address takes, in bytes. @see unix(7) */
export const MAX_SOCKET_PATH_BYTES = 107;

/** 1 to 63 characters without spaces, and not like an option. */
export const PORT_NAME = /^[^\s\p{C}-][^\s\p{C}]{0,62}$/u;
/** The kernel's rule, with bytes for characters. @see dev_valid_name() in net/core/dev.c */
export const DEVICE_NAME = /^(?!\.{1,2}$)[^\s/:]{1,15}$/;
/** Permissions of a socket, octal. */
export const SOCKET_MODE = /^0?[0-7]{3}$/;

export const MAX_VNI = 0xff_ffff;
export const MAX_STATIONS = 1_000_000;
/** As config and kernel have it: what IPv4 needs (RFC 791) to what a frame can be long. */
export const PORT_MTU = { min: 576, max: 65_535 } as const;

/** A port's or guest's socket. */
const SOCKET_PATH = z
  .string()
  .startsWith('/')
  .refine((path) => Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES);
const ADDRESS = z.string().refine((text) => isIP(text) !== 0 && !text.includes('%'));
const PREFIX = z.string().refine(isPrefix);
const DEVICE = z.string().regex(DEVICE_NAME);

const COMMON = {
  name: z.string().regex(PORT_NAME),
  max_stations: z.int().min(1).max(MAX_STATIONS).optional(),
};

export const PORT_SPEC = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('unix'),
    ...COMMON,
    path: SOCKET_PATH,
    /** Socket of the guest; left out, frames go to whoever sent last. */
    remote: SOCKET_PATH.optional(),
    mode: z.string().regex(SOCKET_MODE).optional(),
    mtu: z.int().min(PORT_MTU.min).max(PORT_MTU.max).optional(),
    /** Of a guest of an L3 network, and only there. */
    address: z.array(PREFIX).min(1).max(256).optional(),
  }),
  z.object({ type: z.literal('interface'), ...COMMON, device: DEVICE }),
  z.object({
    type: z.literal('vxlan'),
    ...COMMON,
    /** The network's own where left out. */
    vni: z.int().min(1).max(MAX_VNI).optional(),
    listen: ADDRESS.optional(),
    listen_port: z.int().min(1).max(65_535).optional(),
    remotes: z.array(ADDRESS).max(256).optional(),
    group: ADDRESS.optional(),
    device: DEVICE.optional(),
    learn_remotes: z.boolean().optional(),
    ttl: z.int().min(1).max(255).optional(),
  }),
]);
export type PortSpec = z.infer<typeof PORT_SPEC>;

/** CIDR text, without host bits. */
function isPrefix(text: string): boolean {
  try {
    parsePrefix(text);
    return true;
  } catch {
    return false;
  }
}
