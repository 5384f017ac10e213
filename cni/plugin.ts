/** The plugin as a function: environment and standard input in, standard output and exit code out. */
import { AgentClient } from './agent-client.ts';
import { CniCode, CniError, ioError, toCniError } from './cni-error.ts';
import { atLeast, type CniVersion, NEWEST_VERSION, Since, SUPPORTED_VERSIONS } from './cni-version.ts';
import { containerKey, readArgs, readContainer, readVerb, type Variables, type Verb } from './environment.ts';
import type { JsonObject } from './fields.ts';
import { chooseIpam } from './ipam/choose-ipam.ts';
import { decodeConfig, type NetworkConfig, readConfig } from './network-config.ts';
import { writeResult } from './result.ts';
import { readMac } from './runtime-config.ts';
import { add } from './verbs/add.ts';
import type { ContainerCall, NetworkCall } from './verbs/call.ts';
import { check } from './verbs/check.ts';
import { del } from './verbs/del.ts';
import { gc } from './verbs/gc.ts';
import { status } from './verbs/status.ts';

export interface PluginCall {
  readonly variables: Variables;
  /** Reads all of standard input. */
  stdin(): string;
  /** Directory of the agents' admin sockets. */
  readonly runDir: string;
  log(line: string): void;
}

export interface PluginOutcome {
  readonly exit: 0 | 1;
  /** JSON, or nothing. */
  readonly stdout: string;
}

/** Never throws: every failure is an answer. @see CNI specification 1.1, section 2 */
export async function runPlugin(call: PluginCall): Promise<PluginOutcome> {
  let cniVersion: unknown = NEWEST_VERSION;
  try {
    const verb = readVerb(call.variables);
    const text = readInput(call);
    if (verb === 'VERSION') return success(versionAnswer(text));
    const json = decodeConfig(text);
    // Errors have the version that the runtime speaks, known to us or not.
    if (typeof json.cniVersion === 'string') cniVersion = json.cniVersion;
    return success(await runVerb(verb, json, text, call));
  } catch (error) {
    const { code, message, details } = toCniError(error);
    const answer = { cniVersion, code, msg: message, ...(details === '' ? {} : { details }) };
    return { exit: 1, stdout: `${JSON.stringify(answer)}\n` };
  }
}

function readInput(call: PluginCall): string {
  try {
    return call.stdin();
  } catch (error) {
    throw ioError('cannot read the network configuration', error);
  }
}

function success(answer: object | null): PluginOutcome {
  return { exit: 0, stdout: answer === null ? '' : `${JSON.stringify(answer)}\n` };
}

/** Early versions asked with nothing on standard input. @throws {CniError} 6 */
function versionAnswer(text: string): object {
  const asked = text.trim() === '' ? undefined : decodeConfig(text).cniVersion;
  return {
    cniVersion: typeof asked === 'string' ? asked : NEWEST_VERSION,
    supportedVersions: SUPPORTED_VERSIONS,
  };
}

const VERB_SINCE: Readonly<Partial<Record<Verb, CniVersion>>> = {
  CHECK: Since.check,
  GC: Since.gc,
  STATUS: Since.status,
};

async function runVerb(verb: Verb, json: JsonObject, text: string, call: PluginCall): Promise<object | null> {
  const config = readConfig(json, text);
  const since = VERB_SINCE[verb] ?? SUPPORTED_VERSIONS[0];
  if (!atLeast(config.cniVersion, since)) {
    const message = `CNI version ${config.cniVersion} has no ${verb}`;
    throw new CniError(CniCode.incompatibleVersion, message, `it came with ${since}`);
  }
  if (verb === 'GC' || verb === 'STATUS') {
    await (verb === 'GC' ? gc : status)(networkCall(config, call));
    return null;
  }
  const containerCall: ContainerCall = {
    container: readContainer(call.variables, verb !== 'DEL'),
    mac: readMac(readArgs(call.variables).get('MAC'), 'CNI_ARGS MAC') ?? config.runtimeConfig.mac,
    ...networkCall(config, call),
  };
  if (verb === 'ADD') return writeResult(await add(containerCall), config.cniVersion);
  await (verb === 'DEL' ? del : check)(containerCall);
  return null;
}

function networkCall(config: NetworkConfig, call: PluginCall): NetworkCall {
  const agent = new AgentClient(call.runDir, config.agent);
  const attached = async (): Promise<ReadonlySet<string> | null> => {
    try {
      const { attachments } = await agent.list({ confName: config.name });
      return new Set(attachments.map(containerKey));
    } catch {
      // What needs the agent asks it again, and tells.
      return null;
    }
  };
  const ipam = chooseIpam({ config, variables: call.variables, attached });
  return { config, agent, ipam, log: (line) => call.log(line) };
}
