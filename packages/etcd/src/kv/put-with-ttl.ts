import type { CallDeadline } from '../call-deadline.ts'
import type { Clock } from '../clock.ts'
import { FLAG, type OptionChecks, readOptions, refuseArgument, whole } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { copyOf } from '../key-range.ts'
import { grantOwn, randomLeaseId } from '../lease/grant-own.ts'
import { revokeLease } from '../lease/revoke-lease.ts'
import type { Channel } from '../transport/transport.ts'
import { type GuardPorts, inOneCluster, isUnknown, stillUnknown } from './conditional-write.ts'
import type { PutResult } from './operation.ts'
import { type CallControl, CONTROL_CHECKS, controlOf } from './range-query.ts'
import { following } from './abortable.ts'

/** How to write a key that goes away by itself. */
export interface TtlOptions extends CallControl {
  /** Seconds until the key is deleted, from 1 on. etcd takes at least about 2. */
  readonly ttlSeconds: number
  /** Give back what the key held before. */
  readonly prevKv?: boolean
}

/** What came of it. */
export interface TtlPutResult extends PutResult {
  /** The lease the key hangs on, its own. Keep it alive to keep the key; revoke it to delete the key. */
  readonly lease: bigint
  /** What the server granted, in seconds; may be more than was asked. */
  readonly ttlSeconds: number
}

/** What `putWithTtl` needs besides guarded writes. */
export interface TtlPorts extends GuardPorts {
  readonly channel: Channel
  readonly clock: Clock
  /** Aborted when the client closes. */
  readonly closing: AbortSignal
  /** What `close()` waits for, within bounds. Never rejects. */
  finishLater(work: Promise<void>): void
}

const CALL = 'KV/Put'

const TTL_CHECKS: OptionChecks<TtlOptions> = { ...CONTROL_CHECKS, ttlSeconds: whole(1), prevKv: FLAG }

/** For taking back a lease when the caller's own time is over, in milliseconds. */
const REVOKE_MS = 5_000

/**
 * Writes a key on a lease of its own. When the write fails, for whatever reason, the lease is revoked: nobody else knows it,
 * and a write that is still on its way is then refused.
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
  ports.closing.addEventListener('abort', onClosing)
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
    if (mayBeGranted(error)) await takeBack(ports, lease, cluster, stop.signal, deadline)
    throw ports.closing.aborted ? closedInstead(error) : error
  } finally {
    release()
    ports.closing.removeEventListener('abort', onClosing)
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
    // What the key held before cannot be had any more.
    if (!isUnknown(error) || prevKv) throw error
    const read = deadline.run((timeoutMs) => kv.getRange({ key, ...control, timeoutMs }))
    const { entries, header } = await read.catch(() => ({ entries: [], header: undefined }))
    const [found] = entries
    // Nobody else has this lease, so the key on it is our write.
    if (found?.lease === lease && header !== undefined) {
      return { header: { ...header, revision: found.modRevision }, previous: undefined }
    }
    throw stillUnknown(error, 'it was not sent again, and its lease was given back')
  }
}

/** Nothing has to be taken back when the lease itself was refused, or never asked for. */
function mayBeGranted(error: unknown): boolean {
  return !(error instanceof EtcdError && error.call === 'Lease/LeaseGrant' && error.fate !== 'unknown')
}

/** The caller waits for it unless he gave up himself or has no time left. */
async function takeBack(
  { channel, finishLater }: TtlPorts,
  id: bigint,
  cluster: Pick<CallControl, 'clusterId'>,
  signal: AbortSignal,
  deadline: CallDeadline,
): Promise<void> {
  const revoke = async (timeoutMs: number): Promise<void> => {
    const ports = { channel, deadline: deadline.another(timeoutMs) }
    await revokeLease(ports, id, { ...cluster, isParting: true }).catch(() => undefined)
  }
  const isPatient = !signal.aborted && deadline.leftMs > 0
  const revoking = revoke(isPatient ? Math.ceil(deadline.leftMs) : REVOKE_MS)
  finishLater(revoking)
  if (isPatient) await revoking
}

/** The signal of the closing client ends the call as the caller's own would. */
function closedInstead(error: unknown): unknown {
  return error instanceof EtcdError && error.code === 'cancelled'
    ? new EtcdError('closed', { call: error.call, fate: error.fate, cause: error })
    : error
}
