import { randomBytes } from 'node:crypto'
import { EtcdError } from '../errors.ts'
import { type Bytes, bytesOf } from '../key-range.ts'
import type { KvService } from './kv-service.ts'
import { type CallControl, controlOf } from './range-query.ts'
import { compare, op } from './txn.ts'

/** How to append. */
export interface AppendOptions extends CallControl {
  /** Hang the new key on this lease. */
  readonly lease?: bigint
}

/** The entry that was appended. */
export interface AppendResult {
  /** Its key: the prefix, 20 digits, a hyphen and a random part. */
  readonly key: string
  /** The revision at which it was created. */
  readonly revision: number
}

const maxAttempts = 1_000

/**
 * Adds an entry behind all others of a prefix: sorting by key gives the order of creation. The guard is that nothing was
 * created there since the revision in the name, so under contention it is tried again with a later one.
 */
export const appendKey = async (
  kv: KvService,
  prefix: Bytes,
  value: Bytes,
  options: AppendOptions,
): Promise<AppendResult> => {
  const { lease } = options
  let { header } = await kv.getRange({ prefix, countOnly: true, ...controlOf(options) })
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const base = header.revision
    const name = `${String(base + 1).padStart(20, '0')}-${randomBytes(6).toString('hex')}`
    const key = Buffer.concat([bytesOf(prefix), Buffer.from(name)])
    const send = () =>
      kv
        .txn()
        .if(compare.createRevision({ prefix }, '<', base + 1))
        .then(op.put(key, value, lease === undefined ? {} : { lease }))
        .else(op.get(key))
        .commit(controlOf(options))
    const result = await send().catch(async (error: unknown) => {
      if (!(error instanceof EtcdError) || error.code !== 'outcome_unknown') throw error
      const again = await send().catch(() => {
        throw error
      })
      // The name is ours alone, so its presence says that the first sending was applied; its absence says nothing.
      if (!again.succeeded && again.results[0] === undefined) throw error
      return again
    })
    if (result.succeeded) return { key: key.toString(), revision: result.header.revision }
    const found = result.results[0]
    if (found !== undefined) return { key: key.toString(), revision: found.createRevision }
    header = result.header
  }
  const what = `others were quicker ${maxAttempts} times in a row`
  throw new EtcdError('compare_failed', {
    call: 'KV/Txn',
    what,
    remedy: 'Try again when fewer append at once.',
  })
}
