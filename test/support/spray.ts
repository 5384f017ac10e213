/** Many short flows at once, so that each of several queues gets some. */
import type { Namespace } from './netns.ts';

/** With 32 flows one of two queues stays idle once in 10^9 times. */
const PORTS = 32;
/** Sends one datagram from each of many ports. Arguments: address, number of ports. */
const PROGRAM = `
const [address, count] = process.argv.slice(1);
const { createSocket } = require('node:dgram');
for (let i = 0; i < Number(count); i++) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.send('spray', 9, address, () => socket.close());
}
`;

/** Sends a datagram from each of 32 ports to a port where nobody listens. */
export async function spray(from: Namespace, address: string): Promise<void> {
  const { code, stderr } = await from.exec([process.execPath, '-e', PROGRAM, address, `${PORTS}`]);
  if (code !== 0) throw new Error(`spray ${address} from ${from.name}: ${stderr}`);
}
