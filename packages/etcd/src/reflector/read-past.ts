import { EtcdError } from '../errors.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { Listed, ListRequest } from './list-ranges.ts'
import type { ReflectionPlan } from './reflection-plan.ts'
import { StoreEpochs } from './store-epochs.ts'
import { StoreEvidence } from './store-evidence.ts'

/** In what a list may differ from the other lists of its reflector. */
export type ListedRanges = Pick<ListRequest, 'revision' | 'follow' | 'onBegin' | 'onPage'>

/** What to read, and how. */
export interface PastRequest {
  read(what: ListedRanges): Promise<Listed>
  readonly plan: ReflectionPlan
  /** Header of the list whose past is read. Another store has no common past. */
  readonly newest: ResponseHeader
  readonly revision: number
  readonly onPage: ListRequest['onPage']
}

/**
 * Lists at an earlier revision; see `ReflectedList.readPast`.
 *
 * @throws EtcdError any error of a list except a compaction; `cluster_changed`
 */
export async function readPast({ read, plan, newest, revision, onPage }: PastRequest): Promise<boolean> {
  try {
    const { header } = await read({
      revision,
      follow: [],
      onBegin: () => new StoreEvidence({ ranges: plan.ranges }),
      onPage,
    })
    if (StoreEpochs.isOther(newest, header)) throw new EtcdError('cluster_changed', { call: 'KV/Range' })
    return true
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'compacted') return false
    throw error
  }
}
