import { type EtcdClient, EtcdError, op } from '@livetree/etcd'
import type { WriteRecord } from '../history.ts'

/** One operation of a write. */
export type WriteOperation = WriteRecord['operations'][number]

/** Writes and records what it was told of each write. Never throws for what the store says. */
export interface RecordedWriter {
  readonly name: string
  /** A value that no other write of the run has, as long as writers have different names. */
  uniqueValue(): string
  put(key: string, value: string): Promise<WriteRecord>
  delete(key: string): Promise<WriteRecord>
  /** All of them at one revision. Each key at most once. */
  txn(operations: readonly WriteOperation[]): Promise<WriteRecord>
}

/** Makes a writer whose records go to `log`, in the order in which the writes ended. */
export const recordedWriter = (client: EtcdClient, name: string, log: WriteRecord[]): RecordedWriter => {
  let count = 0
  const record = async (
    operations: readonly WriteOperation[],
    write: () => Promise<{ readonly header: { readonly revision: number } }>,
  ): Promise<WriteRecord> => {
    const calledAtMs = performance.now()
    const outcome = await write().then(
      ({ header }) => ({ type: 'applied', revision: header.revision }) as const,
      outcomeOf,
    )
    const written = { writer: name, calledAtMs, returnedAtMs: performance.now(), operations, outcome }
    log.push(written)
    return written
  }
  return {
    name,
    uniqueValue: () => `${name}-${++count}`,
    put: (key, value) => record([{ type: 'put', key, value }], () => client.kv.put(key, value)),
    delete: (key) => record([{ type: 'delete', key }], () => client.kv.delete(key)),
    txn: (operations) =>
      record(operations, () => {
        const ops = operations.map((each) =>
          each.type === 'put' ? op.put(each.key, each.value) : op.delete(each.key),
        )
        return client.kv
          .txn()
          .then(...ops)
          .commit()
      }),
  }
}

/** What a failed write is known to have come to: the client's word for it, and nothing where it has none. */
const outcomeOf = (error: unknown): WriteRecord['outcome'] => {
  if (!(error instanceof EtcdError)) return { type: 'unknown', code: String(error) }
  return { type: error.fate === 'unknown' ? 'unknown' : 'refused', code: error.code }
}
