/** Checks names of interfaces that come from the command line. */
import { CliError, Exit } from './cli-error.ts';
import { parseInterfaceName, ValueError } from './config/text-values.ts';

/** A name that becomes part of a path. @throws {CliError} */
export function checkedName(name: string): string {
  try {
    return parseInterfaceName(name);
  } catch (error) {
    if (error instanceof ValueError) throw new CliError(error.message, error.hint, Exit.usage);
    throw error;
  }
}
