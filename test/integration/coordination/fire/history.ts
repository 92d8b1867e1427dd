/** One change of a key of a run, as the store made it. */
export interface StoreEvent {
  readonly revision: number
  readonly type: 'put' | 'delete'
  readonly key: string
  /** Of a put. */
  readonly createRevision: number
  /** Of a put; 0n for none. */
  readonly lease: bigint
  /** Of a put. */
  readonly text: string
}

/** What contenders hold by a key of a session: one at a time, but for permits. */
export const HELD_KINDS = ['lock', 'leader', 'permit'] as const

/** One of `HELD_KINDS`. */
export type HeldKind = (typeof HELD_KINDS)[number]

/** What entries are put into. */
export type QueueKind = 'queue' | 'jobs'

/** When a call began and ended, in microseconds of the machine's monotonic clock, which all processes share. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** What a contender saw of one call, or at one moment. */
export type Observation =
  /** A call has given what it asked for. `who` names the task that asked. */
  | ({ readonly type: 'held'; readonly kind: HeldKind; readonly token: number; readonly who: string } & Span)
  /** At this moment the contender relied on what it holds. */
  | { readonly type: 'relied'; readonly kind: HeldKind; readonly token: number; readonly at: number }
  /** A release of something that was still held has resolved. */
  | ({ readonly type: 'released'; readonly kind: HeldKind; readonly token: number } & Span)
  /** A guarded write of this text has resolved, or was refused because what guards it was lost. */
  | ({ readonly type: 'wrote' | 'refused'; readonly kind: HeldKind; readonly text: string } & Span)
  /** An entry was put; `fate` is what the caller was told. */
  | ({
      readonly type: 'put'
      readonly kind: QueueKind
      readonly id: string
      readonly fate: 'applied' | 'unknown' | 'not_applied'
    } & Span)
  /** An entry was taken, or a job completed. */
  | ({ readonly type: 'took'; readonly kind: QueueKind; readonly id: string } & Span)
  /** A taker was told that it is not known whether it took an entry. */
  | { readonly type: 'unknown-take'; readonly kind: QueueKind }

/** Everything that is known of one run. */
export interface History {
  /** In the order of revisions, complete. */
  readonly events: readonly StoreEvent[]
  readonly observations: readonly Observation[]
  /** Revisions at which somebody deleted a key by hand. */
  readonly byHand: ReadonlySet<number>
  /** Tokens whose key was deleted, or whose lease was revoked, by hand: their holders cannot know it early. */
  readonly taken: ReadonlySet<number>
  /** Entries whose takers were killed, at most: one for each taker of a killed process. */
  readonly killedTakers: number
}

/** Where a run has its keys. */
export const KEYS = {
  all: 'fire/',
  name: (kind: HeldKind | QueueKind): string => `fire/${kind}`,
  /** Prefix of the keys by which something is held. */
  held: (kind: HeldKind): string => (kind === 'permit' ? 'fire/permit/permits/' : `fire/${kind}/`),
  limit: 'fire/permit/limit',
  /** Where those who hold something write `<token> <text>`, guarded. */
  written: (kind: HeldKind): string => `fire/written/${kind}`,
  entries: (kind: QueueKind): string => (kind === 'jobs' ? 'fire/jobs/items/' : 'fire/queue/'),
  /** What the completion of a job writes. */
  effect: (id: string): string => `fire/effects/${id}`,
} as const
