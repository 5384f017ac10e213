/** Reads Prometheus text. */

/** Exposition text as a map from "name{labels}" to value. @see the Prometheus text format 0.0.4 */
export function parseExposition(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/.exec(line);
    if (match === null) throw new Error(`not a sample: ${line}`);
    const [, name, labels = '', value] = match;
    const key = `${name}{${labels
      .split(/,(?=[a-z_]+=")/)
      .sort()
      .join(',')}}`;
    if (samples.has(key)) throw new Error(`twice: ${key}`);
    samples.set(key, Number(value));
  }
  return samples;
}
