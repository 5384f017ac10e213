/** Which network a sample is about. */

/** A type, not an interface: only those go where a record of strings is wanted. */
export type NetworkLabels = {
  /** The network's device; the agent's name where it has none, or several networks share the sample. */
  readonly interface: string;
  /** Empty where several networks share the sample. */
  readonly vni: string;
};

export function networkLabels(name: string, vni: number | null): NetworkLabels {
  return { interface: name, vni: vni === null ? '' : String(vni) };
}
