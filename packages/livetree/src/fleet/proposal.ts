import { optionKinds } from '@livetree/core/source'
import { isListOf, isText, parseJson } from './json-shape.ts'

/** The version of proposals that this package writes and judges. */
export const PROPOSAL_VERSION = 1
/** The most bytes in the text of one part of a proposal. */
export const MOST_PROPOSAL_BYTES = 524_288
/** The most changes in one part. */
export const MOST_PROPOSED_CHANGES = 1_000
/** The most layers that a proposal has parts for. */
export const MOST_PROPOSED_LAYERS = 32

/** One key that a proposal changes. */
export interface ProposedChange {
  readonly key: string
  /** The text to write; null: the key goes. Missing with `isHidden`. */
  readonly text?: string | null
  /** It is put with a text that may be secret, which no proposal holds. */
  readonly isHidden?: true
}

/**
 * What stands at `proposals<layer>/<id>` below the operations prefix, as JSON: a change that instances are asked to judge before
 * it is written. Each layer has a part of its own, with the changes of its keys; all parts stand under one lease.
 */
export interface Proposal {
  readonly version: 1
  /** A UUID of version 7; also the name of the key. */
  readonly id: string
  readonly author: string
  /** By the clock of the writer, in ISO 8601. */
  readonly at: string
  /** The revision of the store that the change was worked out at. */
  readonly revision: number
  /** Prefixes of all layers that have a part, without a slash at their ends. An instance answers at the first that it reads. */
  readonly layers: readonly string[]
  /** All that the change removes is meant to go. */
  readonly allowsRemoval?: true
  readonly changes: readonly ProposedChange[]
}

/** What a key among the proposals holds. */
export type ProposalRead =
  | { readonly type: 'proposal'; readonly proposal: Proposal }
  /** A newer version of livetree has written it; `layers` as far as it has any. */
  | { readonly type: 'newer'; readonly version: number; readonly layers: readonly string[] }
  /** It is damaged, or longer than a proposal may be, or its keys are not of the layer. */
  | { readonly type: 'unreadable' }

/** Reads the part of a proposal that stands in a layer, whoever has written it. */
export function readProposal(text: string, layer: string, id: string): ProposalRead {
  const read = parseJson(text, MOST_PROPOSAL_BYTES)
  if (!optionKinds.isObject(read) || !isListOf(read['layers'], isText)) return { type: 'unreadable' }
  const layers = read['layers'] as readonly string[]
  if (layers.length > MOST_PROPOSED_LAYERS || !layers.includes(layer)) return { type: 'unreadable' }
  const { version } = read
  if (Number.isSafeInteger(version) && (version as number) > PROPOSAL_VERSION)
    return { type: 'newer', version: version as number, layers }
  return isProposal(read, layer, id) ? { type: 'proposal', proposal: read } : { type: 'unreadable' }
}

function isProposal(
  read: Readonly<Record<string, unknown>>,
  layer: string,
  id: string,
): read is Readonly<Record<string, unknown>> & Proposal {
  const { version, author, at, revision, allowsRemoval = true, changes } = read
  const isSigned = version === PROPOSAL_VERSION && read['id'] === id && isText(author) && isText(at)
  const isPlaced = Number.isSafeInteger(revision) && (revision as number) >= 0 && allowsRemoval === true
  const isBounded = Array.isArray(changes) && changes.length <= MOST_PROPOSED_CHANGES
  return isSigned && isPlaced && isBounded && changes.every((change) => isChangeOf(change, layer))
}

function isChangeOf(change: unknown, layer: string): boolean {
  if (!optionKinds.isObject(change) || !isText(change['key']) || !isKeyOf(change['key'], layer)) return false
  const { text, isHidden } = change
  return isHidden === true ? text === undefined : isHidden === undefined && (isText(text) || text === null)
}

/** Whether a key is of a layer: below its prefix, or the document of all of it. */
export function isKeyOf(key: string, layer: string): boolean {
  return key === layer || key.startsWith(`${layer}/`)
}
