import type { EtcdError } from '../errors.ts'
import type { JoinOptions } from '../watch/joined-watch.ts'
import type { WatchBatch, WatchHandlers } from '../watch/watch-handlers.ts'
import type { WatcherKnowledge } from '../watch/watch-host.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import { assertSameStore } from './assert-same-store.ts'
import type { EvidenceByRange } from './evidence-by-range.ts'
import type { Listed } from './list-ranges.ts'
import { listedPage } from './listed-page.ts'
import { readHistory } from './read-history.ts'
import { type ListedRanges, readPast } from './read-past.ts'
import type { ReflectionPlan } from './reflection-plan.ts'
import type { FollowingWatch, ReflectorPorts } from './reflector-ports.ts'
import type { ReflectedList } from './reflector-types.ts'

/** What reading the past of a list needs of its reflector. */
export interface PastPorts extends Pick<ReflectorPorts, 'recognizer' | 'namespace'> {
  readonly plan: ReflectionPlan
  readonly signal: AbortSignal
  read(what: ListedRanges): Promise<Listed>
  watch(handlers: WatchHandlers, options: JoinOptions, known?: readonly WatcherKnowledge[]): FollowingWatch
  /** Passes on the changes in the ranges and keys. */
  reflected(batch: WatchBatch, onBatch: (batch: WatchBatch) => void): void
  lost(error: EtcdError | undefined): void
}

/** The reads of the past of a list. What answers them has to be the store of the list, by the evidence it has left. */
export function pastOfList(
  ports: PastPorts,
  header: ResponseHeader,
  evidence: EvidenceByRange,
): Pick<ReflectedList, 'readPast' | 'readHistory'> {
  const { plan, signal, recognizer, namespace } = ports
  return {
    readPast: (revision, onPage) =>
      readPast({
        read: (what) => ports.read(what),
        plan,
        newest: header,
        revision,
        assertSameStore: () => {
          const options = { signal, onRetry: (error: EtcdError) => ports.lost(error) }
          return assertSameStore({
            recognizer,
            question: evidence.question(header.revision),
            known: header,
            options,
          })
        },
        onPage: (index, page) => onPage(index, listedPage(page, revision, namespace.prefix.length)),
      }),
    readHistory: (after, onBatch) =>
      readHistory({
        subscribe: (handlers, options) => {
          const knowledge = { evidenceAt: header.revision }
          return ports.watch(handlers, options, knowledgeOf(evidence, header, knowledge))
        },
        after,
        header,
        signal,
        onBatch: (batch) => ports.reflected(batch, onBatch),
        onLost: (error) => ports.lost(error),
      }),
  }
}

/** What the watch of each followed range knows. */
export function knowledgeOf(
  evidence: EvidenceByRange | undefined,
  { raftTerm }: Pick<ResponseHeader, 'raftTerm'>,
  { proofEveryMs, evidenceAt }: Partial<Omit<WatcherKnowledge, 'evidence' | 'raftTerm'>>,
): readonly WatcherKnowledge[] | undefined {
  return evidence?.parts.map((part) => ({ evidence: part, raftTerm, proofEveryMs, evidenceAt }))
}
