import { expect, test } from 'vitest';
import { renderRelay } from '../../cli/relay-text.ts';
import { SESSIONS } from './fake-relay.ts';

test('renderRelay() has a table for each network', () => {
  expect(renderRelay(SESSIONS, false)).toBe(`network: wan0 (vni 7, 2 sessions)
  guest   source           destination      age                  idle                sent           received
  host-b  10.77.0.2:40000  203.0.113.9:443  1 minute, 3 seconds  less than a second  10 (2.00 KiB)  20 (3.00 GiB)
  vm1     [fd77::9]:53000  [fd77::fe]:53    2 seconds            2 seconds           1 (40 B)       0 (0 B)

network: wan1 (vni 8, 0 sessions)
`);
});

test('renderRelay() colours only when asked to', () => {
  expect(renderRelay(SESSIONS, false)).not.toContain('\u001b');
  expect(renderRelay(SESSIONS, true)).toContain('\u001b[32mwan0\u001b[39m');
});

test('renderRelay() lets names of others move no cursor', () => {
  const evil = 'a\u001b[2J\n';
  const [session] = SESSIONS.networks[0]?.sessions ?? [];
  const forged = { ...session, guest: evil, source: evil, destination: evil } as NonNullable<typeof session>;
  const text = renderRelay({ networks: [{ network: evil, vni: 7, sessions: [forged] }] }, false);
  expect(text).not.toContain('\u001b');
  expect(text.split('\n')).toHaveLength(4);
});
