import type { Clock } from '../clock.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { askAsReader, askAsUser, askMember, isAuthRefusal } from './ask-member.ts'
import type { Endpoint } from './endpoint.ts'
import type { StoreIdentity } from './store-identity.ts'
import type { UnaryAttempt } from './unary-attempt.ts'

/** What is needed to verify a refusal. */
export interface ProofPorts {
  readonly identity: StoreIdentity
  readonly clock: Clock
  /** The cluster that the call accepts answers from. */
  readonly expected: bigint | undefined
  /** True if there is no other endpoint to ask. */
  readonly isAlone: boolean
}

/** Returns an error for an answer of another cluster; otherwise records the cluster of the session. */
export function judgeAnswer<Res>(
  attempt: UnaryAttempt<Res>,
  endpoint: Endpoint,
  { identity, expected }: ProofPorts,
): EtcdError | undefined {
  if (!attempt.hasHeader) return undefined
  const foreign = identity.judge(attempt.payload, endpoint, expected, attempt.place)
  if (foreign === undefined) attempt.connection.provedBy(attempt.session, identity.clusterId)
  return foreign
}

/**
 * Verifies which store a refusal such as "lease not found" comes from, because a status has no header. It is
 * accepted if the same connection has answered for the current cluster before; otherwise the member is asked
 * for its status, or, if that is for other users only, for an empty transaction or a read. Returns `undefined` if
 * nothing needs verification, else the resulting error and whether it is known to come from etcd. The result holds for the lifetime of the connection, so successful calls cost
 * nothing.
 */
export function proveStatus<Res>(
  error: EtcdError,
  attempt: UnaryAttempt<Res>,
  endpoint: Endpoint,
  { identity, clock, expected = identity.clusterId, isAlone }: ProofPorts,
): Promise<{ readonly error: EtcdError; readonly isProven: boolean }> | undefined {
  if (!attempt.hasHeader || !isFact(error) || (expected === undefined && isAlone)) return undefined
  const { connection, session } = attempt
  if (expected !== undefined && connection.clusterOf(session) === expected) return undefined
  const asked = askMember(connection, clock).catch((failure: unknown) => {
    if (isAuthRefusal(failure)) return askWithToken(attempt, clock)
    throw failure
  })
  return asked.then(
    (payload) => {
      const foreign = identity.judge(payload, endpoint, expected, attempt.place)
      if (foreign !== undefined) {
        return { error: foreign.with({ what: refusedBy(error, foreign), fate: error.fate }), isProven: true }
      }
      connection.provedBy(session, identity.clusterId)
      return { error, isProven: true }
    },
    (failure: EtcdError) => {
      // An etcd with auth enabled, which does not say more to a caller without a valid token.
      if (isAuthRefusal(failure)) return { error, isProven: true }
      // It answers other calls: a gateway that admits only some calls, or a server that is not etcd.
      if (failure.grpcStatus !== undefined && failure.fate === 'not_applied')
        return { error, isProven: false }
      const what = `${error.what}; whether it comes from the same cluster could not be verified: ${failure.what}`
      const unknown = new EtcdError('unavailable', { ...attempt.place, what, fate: error.fate, cause: error })
      return { error: unknown, isProven: true }
    },
  )
}

/** etcd answers every user's empty transaction; a gateway that refuses or drops it usually passes reads on. */
function askWithToken<Res>({ connection, token }: UnaryAttempt<Res>, clock: Clock): Promise<Uint8Array> {
  return askAsUser(connection, clock, token).catch((failure: unknown) => {
    if (isAuthRefusal(failure)) throw failure
    return askAsReader(connection, clock, token)
  })
}

/** True for a status that its caller would take for a fact about the store. */
function isFact(error: EtcdError): boolean {
  const { isRefusal, isSetting } = errorCodes[error.code]
  return error.grpcStatus !== undefined && error.fate === 'not_applied' && !isRefusal && !isSetting
}

function refusedBy(error: EtcdError, foreign: EtcdError): string {
  return `a member of another cluster refused it: ${error.what}; ${foreign.what.replace(/; a write that it answered.*$/, '')}`
}
