/** DNS settings from a file in the form of resolv.conf(5). */
import { readFileSync } from 'node:fs';
import { ioError } from '../cni-error.ts';
import type { CniDns } from '../result.ts';

/** @throws {CniError} 5 */
export function readResolvConf(path: string): CniDns {
  try {
    return parseResolvConf(readFileSync(path, 'utf8'));
  } catch (error) {
    throw ioError(`cannot read ipam.resolvConf ${path}`, error);
  }
}

/** Of `domain` and `search` the last line counts. @see resolv.conf(5) */
export function parseResolvConf(text: string): CniDns {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*[#;]/.test(line))
    .map((line) => line.trim().split(/\s+/));
  const values = (keyword: string) => lines.filter(([word]) => word === keyword).map(([, ...rest]) => rest);
  const domain = values('domain').at(-1)?.[0];
  return {
    nameservers: values('nameserver').flatMap(([address]) => (address === undefined ? [] : [address])),
    ...(domain === undefined ? {} : { domain }),
    search: values('search').at(-1) ?? [],
    options: values('options').flat(),
  };
}
