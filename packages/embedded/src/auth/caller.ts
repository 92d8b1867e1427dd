import type { KeyRange } from '../mvcc/key-range.ts'
import { ETCD_ERROR } from '../status.ts'
import type { AuthStore } from './auth-store.ts'
import type { Tokens } from './tokens.ts'

/**
 * The user of a call and their permissions. Methods throw etcd's error if access is denied; all pass while
 * auth is off.
 */
export interface Caller {
  /** The user's name; undefined while auth is off or without a token. @throws StatusError `invalidAuthToken` */
  user(): string | undefined
  /** Requires a valid token. */
  assertKnown(): void
  assertRead(range: KeyRange): void
  assertWrite(range: KeyRange): void
  assertAdmin(): void
}

/**
 * Creates the caller of a call. The token is looked up when it is first needed, because some calls do not
 * need it.
 */
export function callerWith(auth: AuthStore, tokens: Tokens, token: string | undefined): Caller {
  const user = (): string | undefined => {
    if (!auth.isEnabled || token === undefined) return undefined
    const found = tokens.userOf(token)
    if (found === undefined) throw ETCD_ERROR.invalidAuthToken()
    return found
  }
  const known = (): string => {
    const found = user()
    if (found === undefined) throw ETCD_ERROR.userEmpty()
    return found
  }
  return {
    user,
    assertKnown() {
      if (auth.isEnabled) known()
    },
    assertRead(range) {
      if (auth.isEnabled) auth.assertAccess(known(), range, 'read')
    },
    assertWrite(range) {
      if (auth.isEnabled) auth.assertAccess(known(), range, 'write')
    },
    assertAdmin() {
      if (auth.isEnabled) auth.assertAdmin(known())
    },
  }
}
