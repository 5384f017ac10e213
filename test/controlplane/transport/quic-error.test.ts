import { describe, expect, test } from 'vitest';
import { bindError, closeInfo, dialError, plainCause } from '../../../controlplane/transport/quic-error.ts';

/** As @number0/iroh 1.1.0 throws them. */
const library = (cause: string): Error =>
  new Error(`ConnectError::Connecting (/root/.cargo/registry/src/iroh-1.0.2/src/endpoint.rs:1060:20)
Caused by:
    ConnectingError::ConnectionError (/root/.rustup/library/core/src/task/poll.rs:258:39)
    ${cause}

Stack backtrace:
   0: <anyhow::Error>::msg::<alloc::string::String>
             at ./nptl/pthread_create.c:442:8`);

const TARGET = { host: '2001:db8::1', port: 6082, peerKey: new Uint8Array(32), timeoutMs: 5_000 };

describe('plainCause()', () => {
  test.each([
    [library('aborted by peer: no'), 'aborted by peer: no'],
    [new Error('Endpoint is closed'), 'Endpoint is closed'],
    [new Error('Outer (/a/b.rs:1:2)\n'), 'Outer'],
    ['text', 'text'],
  ])('%# is the innermost cause, without paths and backtrace', (error, cause) => {
    expect(plainCause(error)).toBe(cause);
  });
});

describe('dialError()', () => {
  test.each([
    ['the cryptographic handshake failed: error 48: invalid peer certificate: UnknownIssuer', 'PEER_KEY'],
    ['aborted by peer: the server refused to accept a new connection', 'REFUSED'],
    [
      "aborted by peer: the cryptographic handshake failed: error 120: peer doesn't support any known protocol",
      'REFUSED',
    ],
    ['closed by peer: your public key is not configured here (code 1)', 'REFUSED'],
    ['timed out', 'TIMEOUT'],
    ['Network is unreachable (os error 101)', 'UNREACHABLE'],
  ])('%s', (cause, code) => {
    const error = dialError(library(cause), TARGET);
    expect(error.code).toBe(`ERR_ICX_TRANSPORT_${code}`);
    expect(error.message).toContain('[2001:db8::1]:6082');
    expect(error.message).not.toMatch(/\n|\.rs|backtrace/);
  });
});

describe('bindError()', () => {
  test('names the address and what to do', () => {
    const error = bindError(library('Address already in use (os error 98)'), ['0.0.0.0:6082', '[::1]:0']);
    expect(error.message).toBe(
      'Cannot bind the control port UDP 0.0.0.0:6082: Address already in use (os error 98)',
    );
    expect(error.hint).toContain('control_port');
  });
});

describe('closeInfo()', () => {
  test.each([
    ['closed by peer: goodbye (code 0)', 'closed', 'goodbye'],
    ['closed by peer: (1) in\u0007 brackets (code 0)', 'closed', '(1) in brackets'],
    ['closed by peer: your key (code 1)', 'ERR_ICX_TRANSPORT_REFUSED', 'your key'],
    ['closed by peer:  (code 0)', 'closed', 'closed by the peer'],
    ['timed out', 'ERR_ICX_TRANSPORT_TIMEOUT', 'the peer stopped answering'],
    ['reset by peer', 'ERR_ICX_TRANSPORT_CLOSED', 'reset by peer'],
  ])('%s', (text, code, message) => {
    expect(closeInfo(text)).toEqual({ code, message });
  });
});
