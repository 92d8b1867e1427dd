import type { EtcdClient, EtcdError, ListedPage, Reflector, WatchBatch } from '@livetree/etcd'
import type { OperationsKeys } from './operations.ts'
import { MOST_PROPOSAL_BYTES } from './proposal.ts'

/** A list is read by pages of so few that a page of the longest proposals is no burden. */
const PAGE_SIZE = 8

/** Who is notified of proposals. Called one at a time; must return at once. */
export interface ProposalHandlers {
  /** @param writtenAt the revision of the store that wrote it */
  onProposal(id: string, text: string, writtenAt: number): void
  onEnded(id: string): void
  /** Only these stand. */
  onList(ids: ReadonlySet<string>): void
  /** Whether the proposals can be read now; `error`: why they cannot, for a reason that somebody has to mend. */
  onAccess(isAble: boolean, error?: EtcdError): void
  /** The first attempt to read them has settled. Called once or more. */
  onTried(): void
}

/**
 * Follows the proposals of one layer. What is longer than a proposal may be, or has no id for its name, is passed over.
 *
 * @param layer without a slash at its end
 */
export function watchProposals(
  client: EtcdClient,
  keys: OperationsKeys,
  layer: string,
  handlers: ProposalHandlers,
): Reflector {
  const ids = new Set<string>()
  const onPage = (_: number, page: ListedPage) => {
    for (const { key, value, modRevision } of page.entries()) {
      const id = keys.proposalId(layer, key.toString())
      if (id === undefined) continue
      if (ids.size < MOST_LISTED) ids.add(id)
      if (value.length <= MOST_PROPOSAL_BYTES) handlers.onProposal(id, value.toString(), modRevision)
    }
  }
  const onBatch = ({ events }: WatchBatch) => {
    for (const event of events) {
      const id = keys.proposalId(layer, event.key)
      if (id === undefined) continue
      if (event.type === 'delete') handlers.onEnded(id)
      else if (event.kv.value.length <= MOST_PROPOSAL_BYTES)
        handlers.onProposal(id, event.text, event.kv.modRevision)
    }
  }
  return client.watch.reflect(
    { ranges: [keys.proposalRange(layer)] },
    {
      onListing: () => ids.clear(),
      onPage,
      onList() {
        handlers.onList(ids)
        handlers.onAccess(true)
        handlers.onTried()
      },
      onBatch,
      onLost(error, isFinal) {
        if (isFinal) handlers.onAccess(false, error)
        handlers.onTried()
      },
      onEnd() {
        handlers.onAccess(false)
        handlers.onTried()
      },
    },
    { pageSize: PAGE_SIZE },
  )
}

/** More than can wait: of a flood, the others are not judged anyway. */
const MOST_LISTED = 1_024
