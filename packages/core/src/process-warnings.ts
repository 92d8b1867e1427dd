import { framesOf, isError } from './thrown.ts'

/** A process warning, emitted if there is no logger. */
export interface ProcessWarning {
  readonly message: string
  /** `rejected`, `listener_failed`, …; emitted as `LIVETREE_REJECTED`. */
  readonly code: string
  /** Warnings with the same code and cause are emitted once. */
  readonly cause: string
  /** Printed as its stack frames, without its message, which may quote a secret. */
  readonly thrown?: unknown
}

/** At most this many distinct warnings of a code are emitted; one more says that the rest is suppressed. */
export const MOST_CAUSES = 100

/** Emits warnings by `process.emitWarning`, each cause once. Never throws. */
export class ProcessWarnings {
  readonly #warned = new Map<string, Set<string>>()

  emit({ message, code, cause, thrown }: ProcessWarning): void {
    const warned = this.#warned.get(code) ?? new Set()
    this.#warned.set(code, warned)
    if (warned.has(cause) || warned.size > MOST_CAUSES) return
    warned.add(cause)
    const isLast = warned.size > MOST_CAUSES
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
      // The application may have replaced `process.emitWarning` by a function that throws.
    }
  }
}
