/** The failures of the admin socket, as they cross it. */
import { z } from 'zod';

/** A running agent can't be reached or refused; other codes come from the agent itself. */
export class AdminError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint = '') {
    super(message);
    this.name = 'AdminError';
    this.code = code;
    this.hint = hint;
  }
}

export const AdminCode = {
  notRunning: 'ERR_ICX_NOT_RUNNING',
  alreadyRunning: 'ERR_ICX_ALREADY_RUNNING',
  socket: 'ERR_ICX_ADMIN_SOCKET',
  protocol: 'ERR_ICX_ADMIN_PROTOCOL',
  timeout: 'ERR_ICX_ADMIN_TIMEOUT',
} as const;

/** Body of every answer that isn't 2xx. */
export const ERROR_BODY = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }),
});

/** What of an error may cross the socket: never its stack. */
export function toErrorBody(error: unknown): z.infer<typeof ERROR_BODY> {
  if (!(error instanceof Error))
    return { error: { code: 'ERR_ICX_INTERNAL', message: String(error), hint: '' } };
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  const known = typeof code === 'string';
  return {
    error: {
      code: known ? code : 'ERR_ICX_INTERNAL',
      message: known ? error.message : `internal error: ${error.message}`,
      hint: typeof hint === 'string' ? hint : '',
    },
  };
}
