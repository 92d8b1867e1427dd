import { createHash } from 'node:crypto'
import { toJsonSchema } from '@livetree/core/tools'
import type { LoadedParts } from '@livetree/core/tools'
import { compare, type EtcdClient, op } from '@livetree/etcd'
import { CALL, type OperationsKeys } from './operations.ts'

const DAY_SECONDS = 86_400
/** The lease of a published schema, in seconds. */
const KEPT_SECONDS = 30 * DAY_SECONDS
/** How long after a publication an instance publishes the schema again, in milliseconds. */
export const PUBLISH_AGAIN_MS = 10 * DAY_SECONDS * 1_000
/** How long after a failure an instance publishes the schema again, in milliseconds. */
export const PUBLISH_RETRY_MS = 600_000
/** One with less left is published again. */
const RENEWED_SECONDS = 25 * DAY_SECONDS

/** The schema of a definition as it is published. */
export interface PublishedSchema {
  /** The fingerprint of the text. Definitions that accept different values have different ones, even if their shape is the same. */
  readonly fingerprint: string
  readonly text: string
}

const known = new WeakMap<LoadedParts['definition'], PublishedSchema>()

/** @throws LivetreeError `invalid_schema` when it cannot be expressed as JSON Schema */
export function schemaOf(definition: LoadedParts['definition']): PublishedSchema {
  let published = known.get(definition)
  if (published === undefined) {
    const text = JSON.stringify({ version: 1, schema: toJsonSchema(definition) })
    const fingerprint = createHash('sha256').update(text).digest('hex').slice(0, 32)
    published = { fingerprint, text }
    known.set(definition, published)
  }
  return published
}

/**
 * Publishes a schema, unless another instance has lately. It goes away 30 days after the last one did.
 *
 * @throws EtcdError as the client
 */
export async function publishSchema(
  client: EtcdClient,
  keys: OperationsKeys,
  { fingerprint, text }: PublishedSchema,
): Promise<void> {
  const key = keys.schema(fingerprint)
  const found = await client.kv.get(key, CALL)
  if (found !== undefined && (await leftSeconds(client, found.lease)) > RENEWED_SECONDS) return
  const lease = await client.lease.grant({ ttlSeconds: KEPT_SECONDS, ...CALL })
  let isPut = false
  try {
    const isAsFound = compare.modRevision(key, '=', found?.modRevision ?? 0)
    const put = op.put(key, text, { lease: lease.id })
    isPut = (await client.kv.txn().if(isAsFound).then(put).commit(CALL)).succeeded
  } finally {
    // nobody renews it, and its time is the store's to count
    lease.letExpire()
    if (!isPut) await lease.revoke()
  }
}

async function leftSeconds(client: EtcdClient, lease: bigint): Promise<number> {
  if (lease === 0n) return Number.POSITIVE_INFINITY
  return (await client.lease.timeToLive(lease, CALL))?.ttlSeconds ?? 0
}
