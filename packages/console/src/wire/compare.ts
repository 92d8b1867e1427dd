import type { WirePath } from './wire-path.ts'

/** One side of a comparison. */
export interface SideWire {
  /** The name of another environment; empty: the one that the console is of. */
  readonly environment: string
  /** The prefix of a layer; empty: all of them together, with everything else that a running instance reads. */
  readonly layer: string
}

/** One line of a place that differs. */
export interface ComparedLineView {
  /** Below the place, such as `0.host` of a list; empty: the place itself. */
  readonly at: string
  /** Undefined: nothing is set. */
  readonly into: string | undefined
  readonly from: string | undefined
}

/** One place at which two sides differ: a value, or a list as a whole. */
export interface ComparedView {
  readonly path: WirePath
  readonly pathText: string
  /** The texts are withheld: both sides read `[secret]`. */
  readonly isSecret: boolean
  /** The side that is promoted has some of it in plain text, though it should be encrypted: promoted, it stays plain text. */
  readonly isPlaintext: boolean
  readonly lines: readonly ComparedLineView[]
  /** How many lines are left out. */
  readonly moreLines: number
  /** Whether the user may promote it. What all layers together do not have, no layer can be rid of. */
  readonly canPromote: boolean
}

/** How two sides differ. */
export interface CompareView {
  readonly places: readonly ComparedView[]
  /** Places that differ, and those of them that the search finds. */
  readonly total: number
  readonly found: number
}

/** What is asked of a comparison. */
export interface CompareQuery {
  readonly from: SideWire
  /** The prefix of a layer; empty: all of them. */
  readonly into: string
  readonly search: string
  readonly limit: number
}
