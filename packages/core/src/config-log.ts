import type { Logger } from './source/source.ts'
import { MOST_CAUSES, ProcessWarnings } from './process-warnings.ts'
import { placeOf } from './thrown.ts'
import { type LoggerLike, toLogger } from './to-logger.ts'

/** A log entry for an event that may also have listeners. */
export interface LogEntry {
  readonly level: 'warn' | 'error'
  readonly message: string
  /** The code of a `LivetreeError`, or the name of the event. */
  readonly code: string
  readonly details?: Readonly<Record<string, unknown>>
  /** Entries with the same code and cause produce one process warning. Default: the message and where `details.cause` was thrown. */
  readonly cause?: string
  /** Whether a listener receives the event, so that no process warning is needed. */
  hasListener?(): boolean
  /** Whether a listener that was added after the event has received it. */
  wasReceived?(): boolean
}

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
  #held: Map<string, LogEntry> | undefined = new Map()
  readonly #heldCounts = new Map<string, number>()

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
    else if (entry.hasListener?.()) return
    else if (this.#held === undefined || entry.hasListener === undefined) this.#warn(entry)
    else this.#hold(this.#held, entry)
  }

  /** Warns the process of an entry whose listeners have failed, if there is no logger. */
  warnUndelivered(entry: LogEntry): void {
    const { hasListener: _, ...undelivered } = entry
    if (this.#targets.size === 0 && this.#isDefault) this.#warn(undelivered)
  }

  /** Called when loading ends. Logs held entries after a turn of the event loop, in which callers can add listeners. */
  settle(): void {
    setImmediate(() => {
      const held = this.#held?.values() ?? []
      this.#held = undefined
      for (const entry of held)
        if (entry.wasReceived?.() !== true) this.entry({ ...entry, hasListener: never })
    })
  }

  #say(level: keyof Logger, message: string, details: Readonly<Record<string, unknown>> = {}): void {
    for (const target of this.#targets) target[level](message, { config: this.#config, ...details })
  }

  /** Holds each cause once. One more than is warned of makes the warning that there are more. */
  #hold(held: Map<string, LogEntry>, entry: LogEntry): void {
    const { code } = entry
    const count = this.#heldCounts.get(code) ?? 0
    const id = `${code} ${causeOf(entry)}`
    if (held.has(id) || count > MOST_CAUSES) return
    held.set(id, entry)
    this.#heldCounts.set(code, count + 1)
  }

  #warn(entry: LogEntry): void {
    const { message, code, details, hasListener } = entry
    if (hasListener?.()) return
    // Node prints the code of a warning itself.
    const text = message.startsWith(`[${code}] `) ? message.slice(code.length + 3) : message
    this.#warnings.emit({ message: text, code, cause: causeOf(entry), thrown: thrownOf(details) })
  }

  #guarded(given: LoggerLike): Logger {
    return toLogger(given, () => {
      const message = `The logger of configuration "${this.#config}" fails: its log entries are lost`
      this.#warnings.emit({ message, code: 'logger_failed', cause: '' })
    })
  }
}

/** A listener that is there now has not received what was emitted before it was added. */
function never(): boolean {
  return false
}

function thrownOf(details: LogEntry['details']): unknown {
  return details?.['cause'] ?? details?.['error']
}

/** Two functions that fail in the same way in different places are two causes. */
function causeOf({ message, cause, details }: LogEntry): string {
  return cause ?? `${message} ${placeOf(thrownOf(details))}`
}
