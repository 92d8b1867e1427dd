import { EtcdError } from '../errors.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { Listed, ListRequest } from './list-ranges.ts'
import type { ReflectionPlan } from './reflection-plan.ts'
import { twoStores } from './assert-same-store.ts'
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
  /** Rejects if the store that answers now is not the one of the list. */
  assertSameStore(): Promise<void>
  readonly onPage: ListRequest['onPage']
}

/**
 * Lists at an earlier revision; see `ReflectedList.readPast`.
 *
 * @throws EtcdError any error of a list except a compaction; `cluster_changed`
 */
export async function readPast(request: PastRequest): Promise<boolean> {
  const { read, plan, newest, revision, onPage } = request
  try {
    const { header } = await read({
      revision,
      follow: [],
      onBegin: () => new StoreEvidence({ ranges: plan.ranges }),
      onPage,
    })
    if (StoreEpochs.isOther(newest, header)) throw twoStores()
    await request.assertSameStore()
    return true
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'compacted') return false
    // The list's store had reached it.
    if (error instanceof EtcdError && error.code === 'future_revision') throw twoStores()
    throw error
  }
}
