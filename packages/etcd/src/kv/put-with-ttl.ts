import { EtcdError } from '../errors.ts'
import type { Bytes } from '../key-range.ts'
import { randomLeaseId } from '../lease/lease-service.ts'
import type { Channel } from '../transport/transport.ts'
import { Lease } from '../wire/rpc.ts'
import type { KvService } from './kv-service.ts'
import type { PutResult } from './operation.ts'
import { type CallControl, controlOf } from './range-query.ts'

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

const grant = async (
  channel: Channel,
  id: bigint,
  ttlSeconds: number,
  control: CallControl,
): Promise<number> => {
  const options = { ...control, retry: 'read' } as const
  try {
    return (await channel.unary(Lease.grant, { id, ttl: ttlSeconds }, options)).ttl
  } catch (error) {
    // The first answer was lost and the second asking found the lease: it is ours.
    if (!(error instanceof EtcdError) || error.code !== 'lease_exists') throw error
    return (await channel.unary(Lease.timeToLive, { id }, options)).grantedTtl
  }
}

/** Writes a key on a lease of its own. Throws `outcome_unknown`, `invalid_argument`. */
export const putWithTtl = async (
  channel: Channel,
  kv: KvService,
  key: Bytes,
  value: Bytes,
  options: TtlOptions,
): Promise<TtlPutResult> => {
  const { ttlSeconds, prevKv } = options
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1) {
    throw new EtcdError('invalid_argument', {
      what: `ttlSeconds is ${ttlSeconds}, not a whole number from 1 on`,
    })
  }
  const control = controlOf(options)
  const lease = randomLeaseId()
  const granted = await grant(channel, lease, ttlSeconds, control)
  const put = kv.put(key, value, { ...control, lease, ...(prevKv === undefined ? {} : { prevKv }) })
  const result = await put.catch(async (error: unknown) => {
    if (!(error instanceof EtcdError) || error.code !== 'outcome_unknown') throw error
    const found = await kv.get(key, control).catch(() => undefined)
    // Nobody else has this lease, so the key on it is our write. Without it the write may still be on its way.
    if (found?.lease !== lease || prevKv) throw error
    const { header } = await kv.getRange({ key, countOnly: true, ...control })
    return { header: { ...header, revision: found.modRevision }, previous: undefined }
  })
  return { ...result, lease, ttlSeconds: granted }
}
