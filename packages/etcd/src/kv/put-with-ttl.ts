import { asEtcdError } from '../as-etcd-error.ts'
import type { CallDeadline } from '../call-deadline.ts'
import type { Clock } from '../clock.ts'
import { FLAG, type OptionChecks, readOptions, refuseArgument, whole } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { copyOf } from '../key-range.ts'
import { grantOwn, randomLeaseId } from '../lease/grant-own.ts'
import { revokeLease } from '../lease/revoke-lease.ts'
import { finalError } from '../transport/retry.ts'
import type { Channel } from '../transport/transport.ts'
import { type GuardPorts, inOneCluster, isUnknown, stillUnknown } from './lost-answer.ts'
import type { PutResult } from './operation.ts'
import { type CallControl, CONTROL_CHECKS, controlOf } from './range-query.ts'
import { following } from './abortable.ts'
import { onAbort } from '../on-abort.ts'

/** Options of `putWithTtl`. */
export interface TtlOptions extends CallControl {
  /** Seconds until the key is deleted, at least 1. etcd raises very small values to about 2. */
  readonly ttlSeconds: number
  /** Return the previous entry. */
  readonly prevKv?: boolean
}

/** The result of `putWithTtl`. */
export interface TtlPutResult extends PutResult {
  /** The key's own lease. Keep it alive to keep the key; revoke it to delete the key. */
  readonly lease: bigint
  /** The TTL the server granted, in seconds; may be more than requested. */
  readonly ttlSeconds: number
}

/** What `putWithTtl` needs besides conditional writes. */
export interface TtlPorts extends GuardPorts {
  readonly channel: Channel
  readonly clock: Clock
  /** Aborted when the client closes. */
  readonly closing: AbortSignal
  /** Registers work that `close()` waits for, for a limited time. The work never rejects. */
  finishLater(work: Promise<void>): void
}

const CALL = 'KV/Put'

const TTL_CHECKS: OptionChecks<TtlOptions> = { ...CONTROL_CHECKS, ttlSeconds: whole(1), prevKv: FLAG }

/** Time limit for revoking the lease when the caller's own time is over, in milliseconds. */
const REVOKE_MS = 5_000

/**
 * Writes a key with a lease of its own. If the write fails for any reason, its lease is revoked if the store
 * can be reached: no one else knows it, and the server then refuses a write that arrives later. An error of unknown
 * fate says whether that succeeded, and where the call was given up, that it is not known yet.
 *
 * @throws EtcdError `outcome_unknown`, `invalid_argument`
 */
export async function putWithTtl(
  ports: TtlPorts,
  givenKey: Bytes,
  givenValue: Bytes,
  options: TtlOptions,
): Promise<TtlPutResult> {
  const given = readOptions(CALL, TTL_CHECKS, options)
  const { ttlSeconds } = given
  if (ttlSeconds === undefined)
    throw refuseArgument('ttlSeconds is undefined, not a whole number from 1 on', CALL)
  const [key, value] = [copyOf('the key', givenKey), copyOf('the value', givenValue)]
  if (key.length === 0) throw refuseArgument('the key is empty', CALL)
  const deadline = ports.deadline(CALL, given)
  const lease = randomLeaseId()
  const { stop, release } = following(given.signal)
  const onClosing = () => stop.abort(new EtcdError('closed', { call: CALL }))
  const unlisten = onAbort(ports.closing, onClosing)
  if (ports.closing.aborted) onClosing()
  const control = { ...controlOf(given), ...inOneCluster(ports, given), signal: stop.signal }
  let cluster = inOneCluster(ports, given)
  try {
    const granted = await grantOwn(ports, deadline, lease, ttlSeconds, control)
    cluster = inOneCluster(granted, given)
    const put = { key, value, lease, prevKv: given.prevKv ?? false }
    const result = await putOn(ports, put, { ...control, ...cluster }, deadline)
    return { ...result, lease, ttlSeconds: granted.ttlSeconds }
  } catch (error) {
    const taken = mayBeGranted(error)
      ? await takeBack(ports, lease, cluster, stop.signal, deadline)
      : undefined
    const isInDoubt = error instanceof EtcdError && error.fate === 'unknown'
    const told = taken !== undefined && isInDoubt ? stillUnknown(error, taken) : error
    throw ports.closing.aborted ? closedInstead(told) : told
  } finally {
    release()
    unlisten()
  }
}

interface LeasedPut {
  readonly key: Bytes
  readonly value: Bytes
  readonly lease: bigint
  readonly prevKv: boolean
}

async function putOn(
  { kv }: TtlPorts,
  { key, value, lease, prevKv }: LeasedPut,
  control: CallControl,
  deadline: CallDeadline,
): Promise<PutResult> {
  try {
    return await deadline.run((timeoutMs) => kv.put(key, value, { ...control, timeoutMs, lease, prevKv }))
  } catch (error) {
    // With `prevKv` the previous entry is lost with the answer.
    if (!isUnknown(error) || prevKv) throw error
    const read = deadline.run((timeoutMs) => kv.getRange({ key, ...control, timeoutMs }))
    const { entries, header } = await read.catch(() => ({ entries: [], header: undefined }))
    const [found] = entries
    // No one else uses this lease, so a key attached to it was written by this call.
    if (found?.lease === lease && header !== undefined) {
      return { header: { ...header, revision: found.modRevision }, previous: undefined }
    }
    throw stillUnknown(error, 'it was not sent again')
  }
}

/** False if the lease was refused or never requested, so that nothing has to be revoked. */
function mayBeGranted(error: unknown): boolean {
  return !(error instanceof EtcdError && error.call === 'Lease/LeaseGrant' && error.fate !== 'unknown')
}

/**
 * Revokes the lease. The caller waits for it until they abort the call, the client closes or no time remains. Returns what
 * is known of the lease then.
 */
async function takeBack(
  { channel, finishLater }: TtlPorts,
  id: bigint,
  cluster: Pick<CallControl, 'clusterId'>,
  signal: AbortSignal,
  deadline: CallDeadline,
): Promise<string> {
  const revoke = (timeoutMs: number): Promise<string> => {
    const ports = { channel, deadline: deadline.another(timeoutMs) }
    return revokeLease(ports, id, { ...cluster, isParting: true }).then(
      () => `its lease ${id} has been revoked since`,
      (error: unknown) =>
        `its lease ${id} could not be revoked (${asEtcdError(error, 'Lease/LeaseRevoke').code}) and may last for its whole TTL`,
    )
  }
  const isPatient = !signal.aborted && deadline.leftMs > 0
  const revoking = revoke(isPatient ? Math.ceil(deadline.leftMs) : REVOKE_MS)
  finishLater(revoking.then(() => undefined))
  const { promise, resolve } = Promise.withResolvers<string>()
  const giveUp = () => resolve(`whether its lease ${id} can be revoked is not known yet`)
  if (!isPatient) giveUp()
  const unlisten = onAbort(signal, giveUp)
  return await Promise.race([promise, revoking]).finally(unlisten)
}

/** Reports a call that was aborted by `close()` as `closed` instead of `cancelled`. */
function closedInstead(error: unknown): unknown {
  if (!(error instanceof EtcdError) || error.code !== 'cancelled') return error
  const { call, endpoint, fate } = error
  const what = error.what.replace('cancelled by the caller', 'the client was closed')
  return finalError(new EtcdError('closed', { call, endpoint, what, fate, cause: error }), 'write')
}
