import type { Clock } from '../clock.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import { askMember } from './ask-member.ts'
import type { Endpoint } from './endpoint.ts'
import type { StoreIdentity } from './store-identity.ts'
import type { UnaryAttempt } from './unary-attempt.ts'

/** What a refusal is held against. */
export interface ProofPorts {
  readonly identity: StoreIdentity
  readonly clock: Clock
  /** The cluster whose answers the call takes. */
  readonly expected: bigint | undefined
  /** There is no other endpoint that could know better. */
  readonly isAlone: boolean
}

/** The error an answer is when it is of another cluster; else what its session says is believed from now on. */
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
 * A refusal tells a fact about a store, such as "lease not found", but not which store: it has no header. It counts as
 * one of the cluster in hand when the same connection has given an answer of that cluster, which nothing but a status
 * proves at once; else the member is asked who it is. Gives `undefined` where there is nothing to ask, else the error that
 * counts, and whether etcd itself is known to have said it. What is proved holds for as long as the connection does, so
 * that calls that succeed pay nothing.
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
  return askMember(connection, clock).then(
    (payload) => {
      const foreign = identity.judge(payload, endpoint, expected, attempt.place)
      if (foreign !== undefined) {
        return { error: foreign.with({ what: refusedBy(error, foreign), fate: error.fate }), isProven: true }
      }
      connection.provedBy(session, identity.clusterId)
      return { error, isProven: true }
    },
    (failure: EtcdError) => {
      // It answers, though not this: a gateway that lets only some calls through, or no etcd at all.
      if (failure.grpcStatus !== undefined && failure.fate === 'not_applied')
        return { error, isProven: false }
      const what = `${error.what}; whether it is of the same cluster as before could not be found out: ${failure.what}`
      const unknown = new EtcdError('unavailable', { ...attempt.place, what, fate: error.fate, cause: error })
      return { error: unknown, isProven: true }
    },
  )
}

/** A status that its caller would take for the truth about the store. */
function isFact(error: EtcdError): boolean {
  const { isRefusal, isSetting } = errorCodes[error.code]
  return error.grpcStatus !== undefined && error.fate === 'not_applied' && !isRefusal && !isSetting
}

function refusedBy(error: EtcdError, foreign: EtcdError): string {
  return `a member of another cluster refused it: ${error.what}; ${foreign.what.replace(/; what it answered.*$/, '')}`
}
