/**
 * Opens the control transport that the configuration names, and loads no other.
 */
import type { ControlTransport, TransportOptions } from './transport.ts';

/**
 * @param name Value of `control_transport`
 * @throws {TransportError} ERR_ICX_TRANSPORT_BIND
 */
export async function openTransport(
  name: ControlTransport['name'],
  options: TransportOptions,
): Promise<ControlTransport> {
  if (name === 'quic') return await (await import('./quic.ts')).quicTransport(options);
  return await (await import('./webtransport.ts')).webtransportTransport(options);
}
