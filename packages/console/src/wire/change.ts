import type { IssueView } from './failure.ts'
import type { SideWire } from './compare.ts'
import type { WirePath } from './wire-path.ts'

/** One step of a change: a text to set, or a removal. */
export type StepWire =
  | { readonly path: WirePath; readonly text: string }
  | { readonly path: WirePath; readonly remove: true }

/** Places of a layer that get what another side of a comparison has. */
export interface PromoteWire {
  readonly from: SideWire
  readonly layer: string
  readonly paths: readonly WirePath[]
}

/** What shall change. */
export type ChangeWire =
  | { readonly layer: string; readonly steps: readonly StepWire[] }
  | { readonly rollbackTo: number; readonly only?: readonly WirePath[] }
  | { readonly promote: PromoteWire }

/** One key that a plan changes. */
export interface PlannedView {
  readonly type: 'added' | 'changed' | 'removed'
  readonly path: WirePath
  readonly pathText: string
  readonly layer: string
  readonly key: string
  readonly isSecret: boolean
  readonly needsRestart: boolean
  readonly before: string | undefined
  readonly after: string | undefined
  readonly effectiveBefore: string | undefined
  readonly effectiveAfter: string | undefined
  /** The other places of a layer that is mounted at several. */
  readonly elsewhere: readonly OtherPlaceView[]
}

/** What a change does at another place of its key. */
export interface OtherPlaceView {
  readonly pathText: string
  readonly effectiveBefore: string | undefined
  readonly effectiveAfter: string | undefined
}

/** A change worked out. */
export interface PlanView {
  readonly revision: number
  /** What is applied must have this: it is what was looked at. */
  readonly digest: string
  readonly changes: readonly PlannedView[]
  readonly issues: readonly IssueView[]
  readonly needsAllowRemoval: boolean
}

/** To apply a plan that was looked at. */
export interface ApplyWire {
  /** A UUID of version 7, chosen by the page: requests with the same one write once. Empty: none. */
  readonly id: string
  readonly change: ChangeWire
  readonly digest: string
  readonly message: string
  readonly allowRemoval: boolean
}

/** What was written. */
export interface AppliedView {
  readonly revision: number
  /** Empty: nothing had to be written. */
  readonly id: string
}
