import { EtcdError } from '../errors.ts'

/**
 * Sends a serializable read, which a member answers from its own state. A member that lags behind reports a
 * revision that it has not reached as `future_revision`: that says nothing about the store, so the other members
 * are asked as well. `send` receives the URLs of the members that lag behind, to avoid them.
 *
 * @throws EtcdError `future_revision` if every member that can be asked has not reached the revision
 */
export async function askMembers<Answer>(
  send: (behind: ReadonlySet<string>) => Promise<Answer>,
): Promise<Answer> {
  const behind = new Set<string>()
  for (;;) {
    try {
      return await send(behind)
    } catch (error) {
      if (!isAhead(error) || error.endpoint === undefined || behind.has(error.endpoint)) throw error
      behind.add(error.endpoint)
    }
  }
}

/** True if the revision that was asked for lies ahead of what the member has reached. */
export function isAhead(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.code === 'future_revision'
}

/** The error if every member that can be asked has not reached a revision that the client has seen. */
export function allBehind(revision: number, cause: EtcdError): EtcdError {
  const what = `no member that was asked has reached revision ${revision}, which was seen`
  return new EtcdError('stale_read', { call: 'KV/Range', endpoint: cause.endpoint, what, cause })
}
