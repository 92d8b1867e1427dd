import { framesOf, isError } from './thrown.ts'

/** What stands in the place of a logger: one warning of the process. */
export interface ProcessWarning {
  readonly message: string
  /** `rejected`, `listener_failed`, …; written as `LIVETREE_REJECTED`. */
  readonly code: string
  /** What makes two warnings the same. */
  readonly cause: string
  /** Shown with its kind and its place, without its words: they may quote a secret. */
  readonly thrown?: unknown
}

/** So many causes are told apart; after that it says that it is silent. */
const MOST_CAUSES = 100

/** Warnings by `process.emitWarning`, each cause once. Never throws. */
export class ProcessWarnings {
  readonly #told = new Set<string>()

  emit({ message, code, cause, thrown }: ProcessWarning): void {
    const id = `${code} ${cause}`
    if (this.#told.has(id) || this.#told.size > MOST_CAUSES) return
    this.#told.add(id)
    const isLast = this.#told.size > MOST_CAUSES
    const text = isLast
      ? 'livetree has more to report than it warns of: give load() a logger to see it all'
      : message
    const frames = !isLast && isError(thrown) ? framesOf(thrown) : ''
    try {
      process.emitWarning(text, {
        type: 'LivetreeWarning',
        code: `LIVETREE_${(isLast ? 'warnings' : code).toUpperCase()}`,
        ...(frames !== '' && { detail: frames }),
      })
    } catch {
      // a process that has put another function in its place gets what that gives
    }
  }
}
