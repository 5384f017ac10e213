/** Multicast DNS between hosts: one answers for a name, another asks for it, over either family. */
import { LineProcess } from './child.ts';
import { program } from './dist.ts';
import type { Namespace } from './netns.ts';

export interface MulticastEnd {
  readonly host: Namespace;
  readonly device: string;
  /** IPv4 address on the device. */
  readonly address: string;
}

/** What the answers over either family told, null for none. */
export interface MulticastAnswers {
  readonly udp4: string | null;
  readonly udp6: string | null;
}

/** Lets `asks` resolve a name that `answers` has. */
export async function resolveByMulticast(
  asks: MulticastEnd,
  answers: MulticastEnd,
  name: string,
): Promise<MulticastAnswers> {
  const responder = start('answer', answers, name);
  await responder.line();
  try {
    return await start('ask', asks, name).json<MulticastAnswers>();
  } finally {
    responder.finish();
  }
}

function start(mode: 'answer' | 'ask', { host, device, address }: MulticastEnd, name: string): LineProcess {
  return new LineProcess(host, [program('mdns.mjs'), mode, device, address, name]);
}
