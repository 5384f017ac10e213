/** What the config says of the control plane as a whole. */
import type { ControlPlaneOptions } from '../../controlplane/control-plane.ts';
import { openTransport } from '../../controlplane/transport/select.ts';
import { Suite } from '../../dataplane/contract.ts';
import type { InterfaceConfig } from '../config/types.ts';

export function controlSettings(
  own: InterfaceConfig,
): Pick<ControlPlaneOptions, 'suite' | 'rekeyIntervalMs' | 'listen' | 'controlPort' | 'openTransport'> {
  const { suite, rekeyIntervalMs, listen, controlPort, controlTransport } = own;
  return {
    suite: suite === 'aes-256-gcm' ? Suite.aes256Gcm : Suite.aes128Gcm,
    rekeyIntervalMs,
    listen,
    controlPort,
    openTransport: (options) => openTransport(controlTransport, options),
  };
}
