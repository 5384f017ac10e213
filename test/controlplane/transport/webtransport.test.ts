/** WebTransport over HTTP/2: what every transport does, and strangers at its TCP port. */

import { webtransportTransport } from '../../../controlplane/transport/webtransport.ts';
import { describeConformance } from './conformance.ts';

describeConformance('WebTransport over HTTP/2', webtransportTransport);
