import { op } from '@livetree/etcd'
import {
  type InstanceRecord,
  isKeyOf,
  MOST_PROPOSAL_BYTES,
  MOST_PROPOSED_CHANGES,
  MOST_PROPOSED_LAYERS,
  type Proposal,
  type ProposedChange,
} from 'livetree/operate'
import type { WorkedOut } from '../change/work-out.ts'
import { AdminError } from '../errors.ts'
import { uuidV7 } from '../history/uuid-v7.ts'
import { type Doing, needsIn, translated } from '../translate-error.ts'
import type { CallLimit, Workspace } from '../workspace.ts'
import { layersHolding, operationsKeys } from './instances.ts'

/** The lease of a proposal, in seconds; its keys are deleted when the lease expires. */
export const PROPOSAL_SECONDS = 60

/** A proposal as it stands in the store. */
export interface StandingProposal {
  readonly id: string
  /** The layers that have a part of the proposal. */
  readonly layers: readonly string[]
  readonly lease: bigint
  /** The revision that wrote it. */
  readonly revision: number
}

/**
 * Asks instances to judge a change: writes a part of it for each directory through which one of them reads a key of it, all in one
 * transaction and under one lease.
 *
 * @throws AdminError `too_large`, `permission_denied`, and others of a write
 */
export async function putProposal(
  workspace: Workspace,
  limit: CallLimit,
  worked: WorkedOut,
  asked: readonly InstanceRecord[],
  allowsRemoval: boolean,
): Promise<StandingProposal> {
  const { author, clock, maxRequestBytes } = workspace.settings
  const keys = operationsKeys(workspace)
  const layers = [
    ...new Set(asked.flatMap((instance) => layersHolding(instance, worked.edits.keys()))),
  ].sort()
  const id = uuidV7(clock.now())
  const body = {
    version: 1,
    id,
    author,
    at: new Date(clock.now()).toISOString(),
    revision: worked.state.reading.revision,
    layers,
    ...(allowsRemoval && { allowsRemoval }),
  } as const
  const parts = layers.map((layer) => ({ layer, proposal: { ...body, changes: changesOf(worked, layer) } }))
  const texts = parts.map(({ layer, proposal }) => ({ layer, text: textOf(proposal, layers) }))
  const doing: Doing = {
    what: 'asking the running instances',
    needs: needsIn(
      workspace.settings.store,
      layers
        .flatMap((layer) => [keys.proposals(layer), keys.verdictsOf(layer)])
        .map((prefix) => ({ prefix, as: 'readwrite' })),
    ),
  }
  return translated(doing, async () => {
    const { client } = workspace
    const lease = await client.lease.grant({ ttlSeconds: PROPOSAL_SECONDS, ...limit.control })
    try {
      const puts = texts.map(({ layer, text }) => op.put(keys.proposal(layer, id), text, { lease: lease.id }))
      const txn = client.kv.txn().then(...puts)
      if (txn.byteLength > maxRequestBytes) throw tooLarge(`it takes ${txn.byteLength} bytes in one request`)
      const { header } = await txn.commit(limit.control)
      return { id, layers, lease: lease.id, revision: header.revision }
    } catch (error) {
      await lease.revoke().catch(() => undefined)
      throw error
    } finally {
      // its time is the store's to count
      lease.letExpire()
    }
  })
}

/** The changes of a layer, without the text of anything that may be secret; an encrypted one is sent as it is. */
function changesOf({ edits, changes, hidden }: WorkedOut, layer: string): readonly ProposedChange[] {
  return changes
    .filter(({ key }) => isKeyOf(key, layer))
    .map(({ key }) => (hidden.has(key) ? { key, isHidden: true } : { key, text: edits.get(key) ?? null }))
}

function textOf(proposal: Proposal, layers: readonly string[]): string {
  const text = JSON.stringify(proposal)
  if (layers.length > MOST_PROPOSED_LAYERS)
    throw tooLarge(
      `instances read its keys through ${layers.length} directories, and may be asked about ${MOST_PROPOSED_LAYERS}`,
    )
  if (proposal.changes.length > MOST_PROPOSED_CHANGES)
    throw tooLarge(`it has ${proposal.changes.length} changes, and instances judge ${MOST_PROPOSED_CHANGES}`)
  if (Buffer.byteLength(text) > MOST_PROPOSAL_BYTES)
    throw tooLarge(`it has ${Buffer.byteLength(text)} bytes, and instances judge ${MOST_PROPOSAL_BYTES}`)
  return text
}

function tooLarge(why: string): AdminError {
  return new AdminError('too_large', {
    what: `The change is too large for instances to judge before it is written: ${why}`,
    remedy: 'Make several changes of it, or apply it without a preflight. Nothing was written.',
  })
}
