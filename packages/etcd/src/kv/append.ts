import { randomBytes } from 'node:crypto'
import { LEASE_OR_NONE, type OptionChecks, readOptions } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { bytesOf, copyOf } from '../key-range.ts'
import { type GuardPorts, inOneCluster, isUnknown, stillUnknown } from './conditional-write.ts'
import { type CallControl, CONTROL_CHECKS, controlOf } from './range-query.ts'
import { compare } from './condition.ts'
import { op } from './txn.ts'

/** How to append. */
export interface AppendOptions extends CallControl {
  /** Hang the new key on this lease; 0n is none. */
  readonly lease?: bigint
}

/** The entry that was appended. */
export interface AppendResult {
  /** Its key: the prefix, 20 digits, a hyphen and a random part. */
  readonly key: string
  /** The same as bytes, for a prefix that is not text. */
  readonly keyBytes: Buffer
  /** The revision at which it was created. */
  readonly revision: number
}

const APPEND_CHECKS: OptionChecks<AppendOptions> = { ...CONTROL_CHECKS, lease: LEASE_OR_NONE }

const MAX_ATTEMPTS = 1_000

/**
 * Adds an entry behind all others of a prefix: sorting by key gives the order of creation. The guard is that nothing was
 * created there since the revision in the name, so under contention it is tried again with a later one. An entry whose
 * answer was lost is never sent again, since somebody may have taken it away already; its name tells whether it is there.
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
  const last = await deadline
    .run((timeoutMs) => kv.getRange({ prefix, countOnly: true, ...control(timeoutMs) }))
    .catch((error: unknown) => {
      // Whatever became of this read, nothing was written.
      throw error instanceof EtcdError ? error.with({ fate: 'not_sent' }) : error
    })
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
      const read = deadline.run((timeoutMs) => kv.get(keyBytes, control(timeoutMs)))
      const found = await read.catch(() => undefined)
      // The name is ours alone, so its presence says that it was applied; its absence says nothing.
      if (found !== undefined) return { key, keyBytes, revision: found.createRevision }
      throw stillUnknown(sent, 'it was not sent again, and is not there, or not there any more')
    }
    if (sent.succeeded) return { key, keyBytes, revision: sent.header.revision }
    base = sent.header.revision
  }
  const what = `others were quicker ${MAX_ATTEMPTS} times in a row`
  throw new EtcdError('compare_failed', {
    call: 'KV/Txn',
    what,
    remedy: 'Try again when fewer append at once.',
  })
}
