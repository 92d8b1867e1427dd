/** How fast one write got to the instances. */
export interface ConvergencePoint {
  readonly revision: number
  /** When it was written, in ms since the Unix epoch. */
  readonly at: number
  /** How long it took until half of the instances had it, and 99 % of them, in ms; undefined: they have not. */
  readonly half: number | undefined
  readonly most: number | undefined
  /** How many of these instances do not have it. */
  readonly count: number
  readonly behind: number
}

/** An instance that has not got to the newest write. */
export interface LaggardView {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly applied: number
  /** It refuses what it has not got to. */
  readonly isRejected: boolean
}

/** How the newest writes got to the instances, as far as the console has seen it. */
export interface ConvergenceView {
  /** The time of the server, in ms since the Unix epoch. */
  readonly now: number
  /** The oldest first. */
  readonly points: readonly ConvergencePoint[]
  /** The revision of the newest write; 0: there is none. */
  readonly newest: number
  /** Who is behind the newest write. */
  readonly laggards: readonly LaggardView[]
  readonly moreLaggards: number
}
