/** What can be asked of a running agent about its containers. Names are those of the CNI specification. */
import { z } from 'zod';

const MAC = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
const CIDR = z.union([z.cidrv4(), z.cidrv6()]);
const IP = z.union([z.ipv4(), z.ipv6()]);
const PORT = z.int().min(1).max(65_535);

/** @see CNI specification 1.1, section 2, "Parameters" */
const CONTAINER_ID = z
  .string()
  .max(255)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);
const IFNAME = z
  .string()
  .regex(/^[^/:\s]{1,15}$/)
  .refine((name) => name !== '.' && name !== '..');
/** Of the network configuration. */
const CONF_NAME = z
  .string()
  .max(255)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/);
const NETNS = z.string().startsWith('/').max(4095);
/** The agent's network by name or, where none has that name, by VNI as decimal text. */
const NETWORK = z.string().min(1).max(63).optional();

/** What the specification keys an attachment by. */
export const ATTACHMENT_KEY = z.object({
  confName: CONF_NAME,
  containerId: CONTAINER_ID,
  ifname: IFNAME,
});
export type AttachmentKey = z.infer<typeof ATTACHMENT_KEY>;

/** An address of the container with the length of its network's prefix. */
export const ATTACH_IP = z.object({ address: CIDR, gateway: IP.optional() });
export type AttachIp = z.infer<typeof ATTACH_IP>;

/** Without `gw` by the gateway of the address of the same family, where there is one. */
export const ATTACH_ROUTE = z.object({ dst: CIDR, gw: IP.optional(), mtu: z.int().min(0).optional() });
export type AttachRoute = z.infer<typeof ATTACH_ROUTE>;

/** Without `hostIP` on every address of the host. */
export const PORT_MAPPING = z.object({
  hostPort: PORT,
  containerPort: PORT,
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  hostIP: IP.optional(),
});
export type PortMapping = z.infer<typeof PORT_MAPPING>;

export const ATTACH = ATTACHMENT_KEY.extend({
  network: NETWORK,
  /** Path of the container's network namespace. */
  netns: NETNS,
  /** Of the container's interface; the agent makes one by default. */
  mac: MAC.optional(),
  ips: z.array(ATTACH_IP).max(64),
  routes: z.array(ATTACH_ROUTE).max(1024),
  portMappings: z.array(PORT_MAPPING).max(1024),
  /** Of the container's interface; the network's by default, which is also the most. */
  mtu: z.int().min(576).max(65_535).optional(),
  /** Whether what the container sends out of the overlay gets an address of the host. */
  masquerade: z.boolean(),
});
export type Attach = z.infer<typeof ATTACH>;

/** `ips` and `routes` as they are in the container; every address is of `containerInterface`. */
export const ATTACHED = z.object({
  hostInterface: z.object({ name: z.string(), mac: MAC }),
  containerInterface: z.object({ name: z.string(), mac: MAC, mtu: z.int(), sandbox: z.string() }),
  ips: z.array(ATTACH_IP),
  routes: z.array(ATTACH_ROUTE),
});
export type Attached = z.infer<typeof ATTACHED>;

/** `netns` is absent where the runtime does not know it any more. */
export const DETACH = ATTACHMENT_KEY.extend({ netns: NETNS.optional() });
export type Detach = z.infer<typeof DETACH>;

/** `removed` is false where there was no such attachment: that is no error. */
export const DETACHED = z.object({ removed: z.boolean() });
export type Detached = z.infer<typeof DETACHED>;

/** One sentence for each difference between the request and what is there; none is well. */
export const CHECKED = z.object({ differences: z.array(z.string()) });
export type Checked = z.infer<typeof CHECKED>;

const CONTAINER = z.object({ containerId: CONTAINER_ID, ifname: IFNAME });

/** Everything of that configuration that is not in `valid` goes. */
export const GC = z.object({ confName: CONF_NAME, valid: z.array(CONTAINER).max(100_000) });
export type Gc = z.infer<typeof GC>;

export const GC_REPORT = z.object({ removed: z.array(CONTAINER) });
export type GcReport = z.infer<typeof GC_REPORT>;

export const READY = z.object({ network: NETWORK });
export type Ready = z.infer<typeof READY>;

export const READINESS = z.object({
  /** Whether `attach` would be served now. */
  ready: z.boolean(),
  /** What is missing; empty when ready. */
  reason: z.string(),
  /** Where new containers can't be served: whether those that are attached still reach the network. */
  limited: z.boolean(),
});
export type Readiness = z.infer<typeof READINESS>;

/** Those of one configuration, or all. */
export const LIST = z.object({ confName: CONF_NAME.optional() });
export type List = z.infer<typeof LIST>;

export const ATTACHMENT = ATTACH.omit({ mac: true, mtu: true }).extend({
  /** The agent's network by its name. */
  network: z.string(),
  ...ATTACHED.shape,
});
export type Attachment = z.infer<typeof ATTACHMENT>;

export const ATTACHMENT_LIST = z.object({ attachments: z.array(ATTACHMENT) });
export type AttachmentList = z.infer<typeof ATTACHMENT_LIST>;

/**
 * What an agent does for containers. Rejects with errors whose `code` is an `AttachCode` and whose
 * `message` and `hint` reach whoever started the container.
 */
export interface AttachApi {
  /** All or nothing: what was made of an attachment that fails is gone again. */
  attach(request: Attach): Promise<Attached>;
  /** Idempotent; a namespace that is gone is no error. */
  detach(request: Detach): Promise<Detached>;
  /** `ips`, `routes` and `mac` are those that `attach` gave; later plugins may have added more. */
  check(request: Attach): Promise<Checked>;
  gc(request: Gc): Promise<GcReport>;
  ready(request: Ready): Promise<Readiness>;
  list(request: List): Promise<AttachmentList>;
}
