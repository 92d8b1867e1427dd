import { randomBytes } from 'node:crypto'
import { LEASE_OR_NONE, type OptionChecks, readOptions } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { bytesOf, copyOf } from '../key-range.ts'
import {
  beforeWriting,
  type GuardPorts,
  inOneCluster,
  isUnknown,
  READ_BACK,
  readBack,
  stillUnknown,
} from './lost-answer.ts'
import { type CallControl, CONTROL_CHECKS, controlOf } from './range-query.ts'
import { compare } from './condition.ts'
import { op } from './txn.ts'

/** Options of `append`. */
export interface AppendOptions extends CallControl {
  /** Lease to attach the new key to; 0n means none. */
  readonly lease?: bigint
}

/** The appended entry. */
export interface AppendResult {
  /** The new key: the prefix, 20 digits, a hyphen and a random part. */
  readonly key: string
  /** The key as bytes, for a prefix that is not text. */
  readonly keyBytes: Buffer
  /** The revision at which it was created. */
  readonly revision: number
}

const APPEND_CHECKS: OptionChecks<AppendOptions> = { ...CONTROL_CHECKS, lease: LEASE_OR_NONE }

const MAX_ATTEMPTS = 1_000

/**
 * Appends an entry after all that were appended to a prefix: sorting their keys gives the order of creation. The transaction
 * requires that no key was created under the prefix since the revision in the new key's name; otherwise it is
 * retried with a later revision. An append whose answer was lost is never sent again, because another client
 * may already have consumed the entry; the key's unique name shows whether it exists.
 */
export async function appendKey(
  ports: GuardPorts,
  givenPrefix: Bytes,
  givenValue: Bytes,
  options?: AppendOptions,
): Promise<AppendResult> {
  const { kv } = ports
  const given = readOptions('KV/Txn', APPEND_CHECKS, options)
  const [prefix, value] = [copyOf('the prefix', givenPrefix), copyOf('the value', givenValue)]
  const { lease } = given
  const deadline = ports.deadline('KV/Txn', given)
  let cluster = inOneCluster(ports, given)
  const control = (timeoutMs: number) => ({ ...controlOf(given), ...cluster, timeoutMs })
  const counting = deadline.run((timeoutMs) =>
    kv.getRange({ prefix, countOnly: true, ...control(timeoutMs) }),
  )
  const last = await beforeWriting(counting)
  cluster = inOneCluster(last.header, given)
  let base = last.header.revision
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const name = `${String(base + 1).padStart(20, '0')}-${randomBytes(6).toString('hex')}`
    const keyBytes = Buffer.concat([bytesOf(prefix), Buffer.from(name)])
    const key = keyBytes.toString()
    const txn = kv
      .txn()
      .if(compare.createRevision({ prefix }, '<', base + 1))
      .then(op.put(keyBytes, value, lease === undefined ? {} : { lease }))
    const sent = await deadline
      .run((timeoutMs) => txn.commit(control(timeoutMs)))
      .catch((error: unknown) => {
        if (isUnknown(error)) return error
        throw error
      })
    if (sent instanceof EtcdError) {
      const { found } = await readBack(
        ports,
        { key: keyBytes, options: { ...controlOf(given), ...cluster } },
        deadline,
        sent,
      )
      // No one else uses this name: if the key exists, the append was applied. If it is absent, nothing is
      // known.
      if (found !== undefined) return { key, keyBytes, revision: found.createRevision }
      throw stillUnknown(sent, `${READ_BACK}: it does not exist, or no longer exists`)
    }
    if (sent.succeeded) return { key, keyBytes, revision: sent.header.revision }
    base = sent.header.revision
  }
  const what = `other clients appended first ${MAX_ATTEMPTS} times in a row`
  throw new EtcdError('compare_failed', {
    call: 'KV/Txn',
    what,
    remedy: 'Try again when fewer clients append at once.',
  })
}
