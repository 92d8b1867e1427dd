import type { Logger } from './source/source.ts'
import { ProcessWarnings } from './process-warnings.ts'
import { type LoggerLike, toLogger } from './to-logger.ts'

/** What is said of an event that may have listeners. */
export interface LogEntry {
  readonly level: 'warn' | 'error'
  readonly message: string
  /** Of a `LivetreeError`, or the name of the event. */
  readonly code: string
  readonly details?: Readonly<Record<string, unknown>>
  /** What makes two entries the same, where they go to the process. Default `message`. */
  readonly cause?: string
  /** Whether a listener has been given it, so that the process need not be warned. */
  isHeard?(): boolean
}

/** What is held back while loading says little new after so many. */
const MOST_HELD = 100

/**
 * The log of one configuration, and the logger its sources are given. Without a logger, warnings and errors go to
 * `process.emitWarning`, unless somebody listens for them; with `false` nothing is said. Never throws, whatever the
 * user's logger does. Every line carries the name of the configuration as `config`.
 */
export class ConfigLog implements Logger {
  readonly #config: string
  readonly #isDefault: boolean
  readonly #warnings = new ProcessWarnings()
  /** The one that was given, then those that adapters have attached. */
  readonly #targets = new Set<Logger>()
  /** Entries somebody may come to hear; undefined once nobody new is waited for. */
  #held: LogEntry[] | undefined = []

  constructor(config: string, given: LoggerLike | false | undefined) {
    this.#config = config
    this.#isDefault = given === undefined
    if (given !== undefined && given !== false) this.#targets.add(this.#guarded(given))
  }

  /** For adapters: what is said goes to this logger, where `load` was given none and was not told to be silent. Returns what takes it off. */
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

  /** Says what is told by an event too. */
  entry(entry: LogEntry): void {
    if (this.#targets.size > 0) this.#say(entry.level, entry.message, entry.details)
    else if (!this.#isDefault) return
    // who listens now may be gone when what is held back is said
    else if (entry.isHeard?.()) return
    else if (this.#held === undefined || entry.isHeard === undefined) this.#warn(entry)
    else if (this.#held.length < MOST_HELD) this.#held.push(entry)
  }

  /** Loading is over: those who will listen have had their chance when the event loop has turned. */
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
    // the warning shows the code by itself
    const text = message.startsWith(`[${code}] `) ? message.slice(code.length + 3) : message
    this.#warnings.emit({ message: text, code, cause, thrown: details?.['cause'] ?? details?.['error'] })
  }

  #guarded(given: LoggerLike): Logger {
    return toLogger(given, () => {
      const message = `The logger of configuration "${this.#config}" fails: what it should say is lost`
      this.#warnings.emit({ message, code: 'logger_failed', cause: '' })
    })
  }
}
