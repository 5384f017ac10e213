import { describe, expect, test } from 'vitest';
import { policyRules, policyTable } from '../../../cli/host/policy-routing.ts';
import { routeSteps } from '../../../cli/host/route-plan.ts';

const traffic = { dataPorts: [6081], controlPort: 6082, ephemeralControl: false, controlTargets: [] };
const NONE: ReadonlySet<string> = new Set();

function policyRoutes(routes: readonly string[], endpoints: readonly string[]): string[] {
  return routeSteps('icx0', { routes, announced: [], endpoints, traffic }, NONE)
    .map((step) => step.add)
    .filter((command) => command.startsWith('route add') && command.includes(' table '))
    .map((command) => command.split(' ')[2] ?? '');
}

describe('routeSteps()', () => {
  test.each([
    ['default routes', ['0.0.0.0/0', '::/0', '10.0.0.0/8'], [], ['0.0.0.0/0', '::/0']],
    [
      'the halves that stand for a default route',
      ['0.0.0.0/1', '128.0.0.0/1'],
      ['192.0.2.1'],
      ['128.0.0.0/1'],
    ],
    ['the endpoint itself', ['192.0.2.1/32', '192.0.2.2/32'], ['192.0.2.1'], ['192.0.2.1/32']],
    ['a subnet around an IPv6 endpoint', ['2001:DB8::/32', 'fd77::/64'], ['2001:db8::1'], ['2001:db8::/32']],
    ['a zone is not part of the address', ['fe80::/10'], ['fe80::1%eth0'], ['fe80::/10']],
    ['nothing', ['10.0.0.0/8', 'fd77::/64'], ['192.0.2.1', '2001:db8::1'], []],
  ])('puts into a table of its own: %s', (_name, routes, endpoints, expected) => {
    expect(policyRoutes(routes, endpoints)).toEqual(expected);
  });

  test('makes every route once, whatever its spelling, before the rules of its family', () => {
    const routes = ['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/8', 'fd77:0::/64', 'FD77::/64'];
    const steps = routeSteps(
      'icx0',
      { routes, announced: [], endpoints: [], traffic },
      new Set(['10.0.0.0/8']),
    );
    expect(steps.map((step) => step.add.split(' ').slice(0, 3).join(' '))).toEqual([
      'route add 0.0.0.0/0',
      'rule add priority',
      'rule add priority',
      'rule add priority',
      'rule add priority',
      'route add fd77::/64',
    ]);
  });

  test('tells announced routes from those that have to be there', () => {
    const plan = { routes: ['10.0.0.0/8'], announced: ['10.0.0.0/8', '10.88.0.0/16', '192.0.2.1/32'] };
    const steps = routeSteps('icx0', { ...plan, endpoints: ['192.0.2.1'], traffic }, NONE);
    const optional = steps.filter(({ isOptional }) => isOptional).map(({ add }) => add.split(' ')[2]);
    expect(optional).toEqual(['10.88.0.0/16', '192.0.2.1/32']);
    expect(steps.filter(({ isOptional }) => !isOptional)[0]?.add).toMatch(/^route add 10\.0\.0\.0\/8 /);
  });

  test('stays fast with many routes and endpoints', () => {
    const routes = Array.from({ length: 20_000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`);
    const endpoints = Array.from({ length: 5_000 }, (_, n) => `192.0.${n >> 8}.${n & 255}`);
    const startedAtMs = performance.now();
    expect(routeSteps('icx0', { routes, announced: [], endpoints, traffic }, NONE)).toHaveLength(20_000);
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
  });
});

describe('policyRules()', () => {
  test('with a default route alone is what wg-quick does, after our ports', () => {
    const table = policyTable('icx0');
    const rules = policyRules('icx0', 4, [0, 0], traffic).map((rule) =>
      rule.replace(/^priority (\d+) fwmark \S+ /, '$1 ').replace(/ protocol 105$/, ''),
    );
    expect(rules).toEqual([
      '5200 iif lo ipproto udp sport 6081 lookup main',
      '5200 iif lo ipproto udp sport 6082 lookup main',
      '5457 lookup main suppress_prefixlength 0',
      `5458 lookup ${table} `.trim(),
    ]);
  });

  test('orders prefix lengths from the longest', () => {
    const priorities = policyRules('icx0', 6, [0, 64, 128], traffic).map((rule) =>
      Number(rule.split(' ')[1]),
    );
    expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
    expect(new Set(priorities.slice(2)).size).toBe(6);
    expect(Math.max(...priorities)).toBeLessThan(32_766);
  });
});

describe('policyTable()', () => {
  test('is a valid table number of its own for each name', () => {
    const tables = Array.from({ length: 200 }, (_, n) => policyTable(`icx${n}`));
    expect(new Set(tables).size).toBe(200);
    expect(tables.every((table) => table > 255 && table < 2 ** 31)).toBe(true);
  });
});
