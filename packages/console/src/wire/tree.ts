import type { IssueView } from './failure.ts'
import type { EnvironmentView, LayerView } from './layer.ts'
import type { WirePath } from './wire-path.ts'

/** Who asks, and of what. */
export interface SessionView {
  /** The name of the configuration. */
  readonly name: string
  readonly user: string
  /** Whether some place may be written. */
  readonly canWrite: boolean
  readonly isReadOnly: boolean
  /** The lowest precedence first. */
  readonly layers: readonly LayerView[]
  /** What can be compared with. */
  readonly environments: readonly EnvironmentView[]
}

/** One line of the tree. */
export interface RowView {
  readonly type: 'group' | 'leaf'
  readonly path: WirePath
  /** The last name, or the whole path among the results of a search. */
  readonly name: string
  readonly depth: number
  /** How many values are in a group. */
  readonly count: number
  readonly isOpen: boolean
  /** The value of a leaf on one line, at most 200 characters; empty where nothing is set. */
  readonly value: string
  readonly valueKind: 'text' | 'number' | 'boolean' | 'list' | 'null' | 'secret' | 'nothing'
  /** Where it comes from: the name of a layer or a source, `default`, or empty where nothing is set. */
  readonly from: string
  /** How many lower layers have it too. */
  readonly overrides: number
  readonly hasIssue: boolean
}

/** A window of the tree. */
export interface RowsView {
  readonly revision: number
  /** Lines in all, of which these are some. */
  readonly total: number
  readonly offset: number
  readonly rows: readonly RowView[]
  /** Values in the whole tree. */
  readonly values: number
  readonly isValid: boolean
  readonly issues: readonly IssueView[]
  readonly unknownKeys: readonly UnknownKeyView[]
}

/** What is asked of the tree. */
export interface RowsQuery {
  /** Groups that are not as `isOpen` says: paths as JSON. */
  readonly toggled: readonly WirePath[]
  /** Whether groups are open. Default: where the tree has at most 300 values. */
  readonly isOpen?: boolean
  /** Words that path and value must have. */
  readonly search: string
  readonly offset: number
  readonly limit: number
}

/** A key that the schema does not know. */
export interface UnknownKeyView {
  /** With the name in its value that is not known, where the key is. */
  readonly key: string
  readonly didYouMean: string
}

/** What one layer has at a place. */
export interface HeldView {
  /** The name of a layer or a source, or `default`. */
  readonly from: string
  /** The prefix of the layer, if it can be written. */
  readonly layer: string
  readonly key: string
  /** 0: none. */
  readonly revision: number
  readonly text: string
}

/** Everything about one place. */
export interface ValueView {
  readonly revision: number
  readonly path: WirePath
  readonly pathText: string
  readonly isGroup: boolean
  /** What is in effect; undefined where nothing is set. */
  readonly text: string | undefined
  readonly isSecret: boolean
  readonly needsRestart: boolean
  /** `integer`, `"debug" | "info"`; empty where the schema does not say. */
  readonly takes: string
  readonly description: string
  /** The default of the schema; undefined: there is none, or it is secret. */
  readonly default: string | undefined
  readonly isOptional: boolean
  /** The texts to choose from; empty: any. */
  readonly choices: readonly string[]
  /** The highest first. */
  readonly held: readonly HeldView[]
  readonly issues: readonly IssueView[]
  /** Layers that may be written here, the lowest precedence first. */
  readonly layers: readonly LayerView[]
  readonly canWrite: boolean
}

/** One place of the schema. */
export interface SchemaPlaceView {
  /** `<key>` stands for the names of a record. */
  readonly path: WirePath
  readonly pathText: string
  readonly takes: string
  readonly default: string | undefined
  readonly description: string
  readonly isSecret: boolean
  readonly isOptional: boolean
  readonly needsRestart: boolean
}

/** The places of the schema, in its order. */
export interface SchemaView {
  readonly places: readonly SchemaPlaceView[]
  /** How many more there are. */
  readonly more: number
}
