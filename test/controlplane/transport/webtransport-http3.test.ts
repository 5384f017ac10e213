/** WebTransport over HTTP/3, where its native transport is installed. */
import { describe, test } from 'vitest';
import { webtransportTransport } from '../../../controlplane/transport/webtransport.ts';
import { http3Installed } from '../../../controlplane/transport/webtransport-http3.ts';
import { describeConformance } from './conformance.ts';

if (http3Installed()) {
  describeConformance('WebTransport over HTTP/3', (options) => webtransportTransport(options, true), false);
} else {
  describe('WebTransport over HTTP/3', () => {
    test.skip('not tested: @fails-components/webtransport-transport-http3-quiche is not installed', () => {});
  });
}
