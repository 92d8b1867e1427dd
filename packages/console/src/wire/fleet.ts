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
  /** The places of a plan that no instance has judged: texts that may be secret are not sent. */
  readonly hidden: readonly string[]
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
