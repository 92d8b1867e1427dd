import type { CallControl } from '@livetree/etcd'
import { CALL_CHECKS } from './caller-wait.ts'
import { readOptions } from './check-argument.ts'
import { isDirectChild } from './key-queue.ts'
import type { OpenSession } from './session.ts'

/** One place in a queue: the first one holds, the others wait. */
export interface Contender {
  readonly key: string
  /** The create revision of the key. */
  readonly token: number
  /** The lease of its session; 0n for an orphan, which nobody's end removes: delete its key by hand. */
  readonly lease: bigint
  readonly value: Buffer
  /** True for a key of this session. */
  readonly isOurs: boolean
}

/** Lists the keys directly below a prefix in the order in which they were created. */
export async function listContenders(
  session: OpenSession,
  prefix: string,
  options: CallControl | undefined,
): Promise<readonly Contender[]> {
  const sort = { by: 'create' } as const
  const given = readOptions(`reading ${prefix}`, CALL_CHECKS, options)
  const { entries } = await session.client.kv.getRange({ ...given, prefix, sort })
  return entries
    .filter(({ key }) => isDirectChild(key, prefix))
    .map(({ key, createRevision, lease, value }) => ({
      key,
      token: createRevision,
      lease,
      value: Buffer.from(value),
      isOurs: lease === session.lease,
    }))
}
