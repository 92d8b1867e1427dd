import type { Logger } from './source/source.ts'
import { ProcessWarnings } from './process-warnings.ts'
import { type LoggerLike, toLogger } from './to-logger.ts'

/** A log entry for an event that may also have listeners. */
export interface LogEntry {
  readonly level: 'warn' | 'error'
  readonly message: string
  /** The code of a `LivetreeError`, or the name of the event. */
  readonly code: string
  readonly details?: Readonly<Record<string, unknown>>
  /** Entries with the same code and cause produce one process warning. Default `message`. */
  readonly cause?: string
  /** Whether a listener receives the event, so that no process warning is needed. */
  isHeard?(): boolean
}

/** At most this many entries are held back while loading. */
const MOST_HELD = 100

/**
 * The log of one configuration, and the logger passed to its sources. Without a user's logger, warnings and errors go to
 * `process.emitWarning`, unless a listener receives them; with `false` nothing is logged. Never throws, even if the
 * user's logger does. Every entry carries the name of the configuration as `config`.
 */
export class ConfigLog implements Logger {
  readonly #config: string
  readonly #isDefault: boolean
  readonly #warnings = new ProcessWarnings()
  /** The logger given to `load`, or the loggers that adapters have attached. */
  readonly #targets = new Set<Logger>()
  /** Entries held back until `settle`, because a listener may still be added; undefined afterwards. */
  #held: LogEntry[] | undefined = []

  constructor(config: string, given: LoggerLike | false | undefined) {
    this.#config = config
    this.#isDefault = given === undefined
    if (given !== undefined && given !== false) this.#targets.add(this.#guarded(given))
  }

  /**
   * For adapters: logs to this logger too, unless `load` was given a logger or `false`. Returns a function that detaches
   * it.
   */
  attach(logger: LoggerLike): () => void {
    if (!this.#isDefault) return () => {}
    const target = this.#guarded(logger)
    this.#targets.add(target)
    return () => void this.#targets.delete(target)
  }

  debug(message: string, details?: Record<string, unknown>): void {
    this.#say('debug', message, details)
  }
  info(message: string, details?: Record<string, unknown>): void {
    this.#say('info', message, details)
  }
  warn(message: string, details?: Record<string, unknown>): void {
    this.entry({ level: 'warn', message, code: 'source', details: details ?? {} })
  }
  error(message: string, details?: Record<string, unknown>): void {
    this.entry({ level: 'error', message, code: 'source', details: details ?? {} })
  }

  /** Logs what is also emitted as an event, or warns the process if there is neither a logger nor a listener. */
  entry(entry: LogEntry): void {
    if (this.#targets.size > 0) this.#say(entry.level, entry.message, entry.details)
    else if (!this.#isDefault) return
    // Checked now and not when held entries are logged, because the listener may be gone by then.
    else if (entry.isHeard?.()) return
    else if (this.#held === undefined || entry.isHeard === undefined) this.#warn(entry)
    else if (this.#held.length < MOST_HELD) this.#held.push(entry)
  }

  /** Called when loading ends. Logs held entries after a turn of the event loop, in which callers can add listeners. */
  settle(): void {
    setImmediate(() => {
      const held = this.#held ?? []
      this.#held = undefined
      for (const entry of held) this.entry(entry)
    })
  }

  #say(level: keyof Logger, message: string, details: Readonly<Record<string, unknown>> = {}): void {
    for (const target of this.#targets) target[level](message, { config: this.#config, ...details })
  }

  #warn({ message, code, details, cause = message, isHeard }: LogEntry): void {
    if (isHeard?.()) return
    // Node prints the code of a warning itself.
    const text = message.startsWith(`[${code}] `) ? message.slice(code.length + 3) : message
    this.#warnings.emit({ message: text, code, cause, thrown: details?.['cause'] ?? details?.['error'] })
  }

  #guarded(given: LoggerLike): Logger {
    return toLogger(given, () => {
      const message = `The logger of configuration "${this.#config}" fails: its log entries are lost`
      this.#warnings.emit({ message, code: 'logger_failed', cause: '' })
    })
  }
}
