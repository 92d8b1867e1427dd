import { randomUUID } from 'node:crypto'
import { shellWord } from '@livetree/core/source'
import { EtcdError, type EtcdClient, type WatchBatch } from '@livetree/etcd'
import { OPERATIONS } from '../connect/published-schema.ts'
import { counted } from '../output/words.ts'
import { issueLines } from '../errors/issue-lines.ts'
import { failure } from './failure.ts'
import type { DoctorContext, Finding } from './finding.ts'

/** Whether the user may read each layer and its history. */
export async function checkRanges({ session, opened, client }: DoctorContext): Promise<readonly Finding[]> {
  const { prefixes, documentKeys } = opened.store
  const histories = prefixes.map((prefix) => `${OPERATIONS}/history${prefix}`)
  const ranges = [
    ...prefixes.map((prefix) => ({ prefix })),
    ...documentKeys.map((key) => ({ key })),
    ...histories.map((prefix) => ({ prefix })),
  ]
  return Promise.all(
    ranges.map(async (range): Promise<Finding> => {
      const check = `read ${'key' in range ? range.key : range.prefix}`
      try {
        const { count } = await client.kv.getRange({ ...range, countOnly: true, ...session.call })
        return { check, status: 'ok', what: counted(count, 'key') }
      } catch (error) {
        return failure(check, error, grantFor(error, 'read', opened.store, range))
      }
    }),
  )
}

type KeyOrPrefix = { readonly key: string } | { readonly prefix: string }

function grantFor(
  error: unknown,
  access: 'read' | 'readwrite',
  store: DoctorContext['opened']['store'],
  range: KeyOrPrefix,
): string | undefined {
  if (!(error instanceof EtcdError) || error.code !== 'permission_denied') return undefined
  const [flag, key] = 'key' in range ? ['', range.key] : ['--prefix=true ', range.prefix]
  return `etcdctl role grant-permission <role> ${flag}${access} ${shellWord(store.storeKey(key))}`
}

/** Whether the schema takes what is stored. */
export async function checkTree({ session, opened }: DoctorContext): Promise<readonly Finding[]> {
  const check = 'tree'
  try {
    const tree = await opened.admin.read(session.call)
    if (tree.isValid)
      return [
        tree.unused.length === 0
          ? { check, status: 'ok', what: `valid at revision ${tree.revision}` }
          : {
              check,
              status: 'warning',
              what: `valid at revision ${tree.revision}, with ${counted(tree.unused.length, 'key')} that the schema does not know`,
              remedy: tree.unused
                .slice(0, 5)
                .map(({ origin }) => origin.key)
                .join(', '),
            },
      ]
    const what = `invalid at revision ${tree.revision}: ${counted(tree.issues.length, 'problem')}`
    return [
      { check, status: 'failed', what, exitCode: 5, remedy: issueLines(tree.issues).slice(0, 5).join('; ') },
    ]
  } catch (error) {
    return [failure(check, error)]
  }
}

/** How far the store's own history goes back, which rollbacks and diffs need. */
export async function checkHistory({ session, opened, client }: DoctorContext): Promise<readonly Finding[]> {
  const check = 'compaction'
  const [prefix = '/'] = opened.store.prefixes
  try {
    const query = { prefix, countOnly: true, ...session.call } as const
    const { header } = await client.kv.getRange(query)
    const oldest = await oldestRevision(client, query)
    const kept = header.revision - oldest
    return [
      {
        check,
        status: 'ok',
        what: `revisions ${oldest} to ${header.revision} can be read: ${kept} to go back to`,
      },
    ]
  } catch (error) {
    return [failure(check, error)]
  }
}

async function oldestRevision(
  client: EtcdClient,
  query: { readonly prefix: string; readonly countOnly: true },
): Promise<number> {
  try {
    await client.kv.getRange({ ...query, revision: 1 })
    return 1
  } catch (error) {
    if (!(error instanceof EtcdError) || error.code !== 'compacted') throw error
    return error.compactRevision ?? oldestFound(client, query)
  }
}

/** By halves, where the server does not say it. */
async function oldestFound(
  client: EtcdClient,
  query: { readonly prefix: string; readonly countOnly: true },
): Promise<number> {
  const { header } = await client.kv.getRange(query)
  let [gone, kept] = [1, header.revision]
  while (kept - gone > 1) {
    const middle = Math.floor((gone + kept) / 2)
    try {
      await client.kv.getRange({ ...query, revision: middle })
      kept = middle
    } catch (error) {
      if (!(error instanceof EtcdError) || error.code !== 'compacted') throw error
      gone = middle
    }
  }
  return kept
}

/** How long a write takes to be seen by a watch. The key is below `/.livetree/doctor/`, which no app watches. */
export async function checkWatch({ session, opened, client }: DoctorContext): Promise<readonly Finding[]> {
  const check = 'watch'
  const key = `${OPERATIONS}/doctor/${randomUUID()}`
  const control = session.call
  let seen: (batch: WatchBatch) => void = () => {}
  let ended: (error: unknown) => void = () => {}
  const arrived = new Promise<WatchBatch>((resolve, reject) => {
    seen = resolve
    ended = reject
  })
  arrived.catch(() => {})
  let isWritten = false
  const watcher = client.watch.subscribe({ key }, { onEvents: seen, onEnd: (error) => ended(error) })
  const timer = setTimeout(() => ended(new EtcdError('deadline_exceeded')), control.timeoutMs)
  try {
    const { header } = await client.kv.getRange({ key, ...control })
    await Promise.race([watcher.reached(header.revision), arrived])
    const startedAt = performance.now()
    await client.kv.put(key, 'doctor', control)
    isWritten = true
    await arrived
    return [
      { check, status: 'ok', what: `a write is seen after ${(performance.now() - startedAt).toFixed(1)} ms` },
    ]
  } catch (error) {
    const remedy = grantFor(error, 'readwrite', opened.store, { prefix: `${OPERATIONS}/doctor/` })
    if (remedy !== undefined) {
      const what = `needs to write below ${OPERATIONS}/doctor/, which this user may not`
      return [{ check, status: 'skipped', what, remedy }]
    }
    return [failure(check, error)]
  } finally {
    clearTimeout(timer)
    watcher.cancel()
    if (isWritten) await client.kv.delete(key, control).catch(() => {})
  }
}
