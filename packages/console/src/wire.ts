// What the server and the page send each other, as JSON. Texts that may be secret read `[secret]`.

/** Names from the top of the schema. */
export type WirePath = readonly (string | number)[]

/** A layer that can be written. */
export interface LayerView {
  /** The whole prefix: `/config/checkout/prod`. */
  readonly layer: string
  /** Its last name: `prod`. */
  readonly name: string
  /** Where its keys stand in the schema; empty: at the top. */
  readonly at: WirePath
}

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

/** What is wrong with a place. */
export interface IssueView {
  readonly path: WirePath
  readonly pathText: string
  readonly message: string
}

/** A key that the schema does not know. */
export interface UnknownKeyView {
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

/** One step of a change: a text to set, or a removal. */
export type StepWire =
  | { readonly path: WirePath; readonly text: string }
  | { readonly path: WirePath; readonly remove: true }

/** What shall change. */
export type ChangeWire =
  | { readonly layer: string; readonly steps: readonly StepWire[] }
  | { readonly rollbackTo: number; readonly only?: readonly WirePath[] }

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

/** What one instance says of a plan or a revision. */
export interface AnswerView {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly appVersion: string
  readonly verdict: string
  readonly reason: string
  readonly needsRestart: readonly string[]
  readonly issues: readonly { readonly path: string; readonly message: string }[]
  readonly moreIssues: number
}

/** What the running instances say. */
export interface AnswersView {
  readonly revision: number
  readonly outcome: string
  readonly answers: readonly AnswerView[]
  /** Records of instances that cannot be read here. */
  readonly unreadable: number
}

/** One running instance. */
export interface InstanceView {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly appVersion: string
  readonly labels: readonly string[]
  /** The fingerprint of its schema. */
  readonly schema: string
  /** When it started, and when it said this, in ms since the Unix epoch. */
  readonly startedAt: number
  readonly at: number
  readonly verdict: 'applied' | 'rejected'
  /** The revision that is in service. */
  readonly applied: number
  /** The newest revision that it judged. */
  readonly judged: number
  readonly state: 'live' | 'stale' | 'closed'
  readonly servedFrom: 'sources' | 'snapshot' | 'defaults'
  readonly needsRestart: readonly string[]
  readonly issues: readonly { readonly path: string; readonly message: string }[]
  readonly moreIssues: number
}

/** The running instances. */
export interface FleetView {
  readonly revision: number
  readonly instances: readonly InstanceView[]
  /** Records of instances that cannot be read here. */
  readonly unreadable: number
}

/** One key that a write changed. */
export interface HistoryChangeView {
  readonly path: WirePath
  readonly pathText: string
  readonly layer: string
  readonly before: string | undefined
  readonly after: string | undefined
  readonly isRemoved: boolean
}

/** One write. */
export interface HistoryView {
  readonly revision: number
  readonly id: string
  /** Empty: another tool wrote it. */
  readonly author: string
  /** In ms since the Unix epoch; 0: not known. */
  readonly at: number
  readonly message: string
  readonly kind: string
  /** The revision that a rollback went back to; 0: it was none. */
  readonly to: number
  readonly changes: readonly HistoryChangeView[]
  /** Changes at places that the user may not see. */
  readonly hidden: number
}

/** A part of the history, the newest first. */
export interface HistoryPage {
  readonly entries: readonly HistoryView[]
  readonly hasMore: boolean
  /** Writes of other tools were looked for after this revision. */
  readonly since: number
}

/** How two states differ at one place. */
export interface DifferenceView {
  readonly pathText: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** How two revisions differ. */
export interface DiffView {
  readonly differences: readonly DifferenceView[]
}

/** A failure, in words for people. */
export interface ErrorView {
  readonly code: string
  readonly message: string
  readonly issues: readonly IssueView[]
  /** Keys that others changed, each in a line. */
  readonly conflicts: readonly string[]
}
