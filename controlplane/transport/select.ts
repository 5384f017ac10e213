/**
 * Opens the control transport that the configuration names.
 */
import { quicTransport } from './quic.ts';
import type { ControlTransport, TransportOptions } from './transport.ts';
import { webtransportTransport } from './webtransport.ts';

/**
 * @param name Value of `control_transport`
 * @throws {TransportError} ERR_ICX_TRANSPORT_BIND
 */
export function openTransport(
  name: ControlTransport['name'],
  options: TransportOptions,
): Promise<ControlTransport> {
  return name === 'quic' ? quicTransport(options) : webtransportTransport(options);
}
