import { EtcdError } from '../errors.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { RevisionFloor } from './revision-floor.ts'

/**
 * Sends a serializable read, which a member answers from its own state. A member that lags behind reports a
 * revision that it has not reached as `future_revision`: that says nothing about the store, so the other members
 * are asked as well. `send` receives the URLs of the members that lag behind, to avoid them. `seen` returns the
 * revision that is asked for, if the client knows that the store has reached it.
 *
 * @throws EtcdError `stale_read` if every member that can be asked has not reached a revision that was seen;
 * `future_revision` if it was not seen
 */
export async function askMembers<Answer>(
  send: (behind: ReadonlySet<string>) => Promise<Answer>,
  seen: () => number | undefined,
): Promise<Answer> {
  const behind = new Set<string>()
  for (;;) {
    try {
      return await send(behind)
    } catch (error) {
      if (!isAhead(error)) throw error
      if (error.endpoint === undefined || behind.has(error.endpoint)) throw allBehind(seen(), error)
      behind.add(error.endpoint)
    }
  }
}

/**
 * Repeats a serializable read, at most once for each of `members` members, while its answer is older than what the client
 * has seen.
 *
 * @throws EtcdError `stale_read`
 */
export async function askUntilRecent<Answer extends { readonly header: ResponseHeader | undefined }>(
  ask: () => Promise<Answer>,
  floor: Pick<RevisionFloor, 'isBelow' | 'learn' | 'error'>,
  members: number,
): Promise<Answer> {
  const attempts = Math.max(2, members)
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask()
    if (!floor.isBelow(answer.header)) {
      floor.learn(answer.header)
      return answer
    }
    if (attempt === attempts) throw floor.error(answer.header)
  }
}

/** True if the revision that was asked for lies ahead of what the member has reached. */
function isAhead(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.code === 'future_revision'
}

function allBehind(seen: number | undefined, cause: EtcdError): EtcdError {
  if (seen === undefined) return cause
  const what = `no member that was asked has reached revision ${seen}, which was seen`
  return new EtcdError('stale_read', { call: 'KV/Range', endpoint: cause.endpoint, what, cause })
}
