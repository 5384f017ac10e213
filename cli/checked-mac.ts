/** Checks MAC addresses of stations that come from the command line. */
import { CliError, Exit } from './cli-error.ts';

/** An address that a station can have, in lower case. @throws {CliError} @see IEEE 802 §8.2 */
export function checkedMac(text: string): string {
  const mac = text.toLowerCase();
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) {
    throw refusal(`${JSON.stringify(text)} is not a MAC address`, 'write it like 02:42:ac:11:00:02');
  }
  if ((Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0) {
    throw refusal(`${mac} is the address of a group`, 'a station has an even first byte');
  }
  if (mac === '00:00:00:00:00:00') throw refusal(`${mac} is the address of no station`);
  return mac;
}

function refusal(message: string, hint = ''): CliError {
  return new CliError(message, hint, Exit.usage);
}
