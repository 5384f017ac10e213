/**
 * Makes the QUIC endpoint: our key, our sockets, and none of the library's services.
 */
import { ALPN } from './limits.ts';
import { bindError } from './quic-error.ts';
import { type IrohEndpoint, irohLibrary } from './quic-library.ts';
import { bindAddresses } from './socket-address.ts';

export const ALPN_BYTES = Array.from(Buffer.from(ALPN));

/**
 * Binds an endpoint.
 *
 * Built from the minimal preset without relays: `Endpoint.bind()` would talk to its maker's
 * DNS and relays.
 *
 * @param seed Ed25519 seed, 32 bytes; not kept by us
 * @throws {TransportError} ERR_ICX_TRANSPORT_BIND
 */
export async function bindEndpoint(listen: string, port: number, seed: Uint8Array): Promise<IrohEndpoint> {
  const addresses = bindAddresses(listen, port);
  try {
    return await build(addresses, seed);
  } catch (error) {
    const cause = bindError(error, addresses);
    // A host without IPv6 (or without a loopback device) has nowhere to put the second socket.
    const secondMissing = cause.message.includes('Cannot assign') || cause.message.includes('not supported');
    if (!secondMissing) throw cause;
    return await build(addresses.slice(0, 1), seed).catch((again) => {
      throw bindError(again, addresses);
    });
  }
}

async function build(addresses: readonly string[], seed: Uint8Array): Promise<IrohEndpoint> {
  const { Endpoint, RelayMode } = irohLibrary();
  const builder = Endpoint.builder();
  builder.applyMinimal();
  builder.relayMode(RelayMode.disabled());
  const secret = Array.from(seed);
  builder.secretKey(secret);
  secret.fill(0);
  builder.alpns([ALPN_BYTES]);
  for (const address of addresses) builder.bindAddr(address);
  return await builder.bind();
}
