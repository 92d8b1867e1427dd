import { checkOptions, type OptionTable } from '@livetree/core/source'
import type { WatchEvent } from '@livetree/etcd'
import type { InstanceRecord } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { newestRevision } from '../history/newest-revision.ts'
import { AwaitedNews } from '../tree/awaited-news.ts'
import { translatedNow, translateError } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { CALL_TABLE, revisionKind } from '../option-tables.ts'
import { instanceAt, operationsKeys, readingFleet, readsTree } from './instances.ts'

/** Options of `Admin.followInstances`. */
export interface FollowInstancesOptions extends CallOptions {
  /** Begin after this revision. Default: with what is said from now on. */
  readonly since?: number | undefined
}

/** What one instance said, or that it left. */
export interface InstanceNews {
  readonly type: 'said' | 'left'
  /** The revision of the store that holds it. */
  readonly revision: number
  /** What it says; of one that left, or reads other layers now, what it said last. */
  readonly instance: InstanceRecord
}

/** What came in together. */
export interface InstancesNews {
  /** Everything up to this revision has been given: `since` goes on there. */
  readonly revision: number
  /** In the order of their revisions. */
  readonly news: readonly InstanceNews[]
}

const OPTION_TABLE: OptionTable = { ...CALL_TABLE, since: revisionKind }

/** What the instances say, as they say it; see `Admin.followInstances`. */
export async function* followInstances(
  workspace: Workspace,
  options: FollowInstancesOptions,
): AsyncGenerator<InstancesNews, undefined> {
  translatedNow(() => checkOptions('followInstances()', options, OPTION_TABLE))
  const { signal } = options
  const newest = await newestRevision(workspace, workspace.limit(options))
  const since = options.since ?? newest.revision
  const waiting = new WaitingNews(since, signal)
  const stop = new AbortController()
  try {
    translatedNow(() =>
      workspace.client.watch.subscribe(
        { prefix: operationsKeys(workspace).instances },
        {
          onEvents({ revision, events }) {
            waiting.take(
              revision,
              events.flatMap((event) => newsOf(workspace, event)),
            )
          },
          onEnd: (error) =>
            waiting.fail(
              error === undefined ? new AdminError('closed') : translateError(error, readingFleet(workspace)),
            ),
        },
        {
          afterRevision: since,
          prevKv: true,
          signal: stop.signal,
          ...(newest.clusterId !== 0n && { clusterId: newest.clusterId }),
        },
      ),
    )
    yield { revision: since, news: [] }
    for (;;) yield await waiting.next()
  } finally {
    stop.abort()
    waiting.end()
  }
}

/**
 * Records that cannot be read here say nothing, and neither do instances of other trees. One that has become either has left, as one
 * whose record is gone.
 */
function newsOf(workspace: Workspace, event: WatchEvent): readonly InstanceNews[] {
  const { type, key, text, kv, prevKv } = event
  const revision = kv.modRevision
  const instanceOf = (record: string, modRevision: number) => {
    const instance = instanceAt(operationsKeys(workspace), key, record, modRevision)
    return instance !== undefined && readsTree(workspace, instance) ? instance : undefined
  }
  const now = type === 'delete' ? undefined : instanceOf(text, revision)
  if (now !== undefined) return [{ type: 'said', revision, instance: now }]
  const last = prevKv && instanceOf(prevKv.value.toString(), prevKv.modRevision)
  return last === undefined ? [] : [{ type: 'left', revision, instance: last }]
}

/** What has come in and was not asked for yet: of each instance the newest. */
class WaitingNews extends AwaitedNews {
  #revision: number
  #isNew = false
  #news = new Map<string, InstanceNews>()

  constructor(revision: number, signal: AbortSignal | undefined) {
    super('Aborted while following the instances', signal)
    this.#revision = revision
  }

  take(revision: number, news: readonly InstanceNews[]): void {
    this.#revision = revision
    this.#isNew = true
    for (const each of news) {
      const name = JSON.stringify([each.instance.name, each.instance.id])
      this.#news.delete(name)
      this.#news.set(name, each)
    }
    this.wake()
  }

  /** @throws AdminError */
  async next(): Promise<InstancesNews> {
    await this.until(() => this.#isNew)
    const news = [...this.#news.values()]
    this.#news = new Map()
    this.#isNew = false
    return { revision: this.#revision, news }
  }
}
