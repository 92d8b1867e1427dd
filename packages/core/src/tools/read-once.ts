import { systemClock } from '../clock.ts'
import { checkOptions, type OptionTable } from '../check-options.ts'
import { withDeadline } from '../deadline.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import { abortSignal, milliseconds, withMethods } from '../option-kinds.ts'
import { silentLogger } from '../logger.ts'
import type { Clock, LayerInfo, Leaf, Logger, ReplaceUpdate, Source } from '../source/source.ts'
import { checkSources } from '../startup/check-sources.ts'
import { messageOf } from '../thrown.ts'
import { openGuarded } from '../updates/guarded-source.ts'
import { createSourceSink, type SourceReport } from '../updates/source-sink.ts'
import { SourceState } from '../updates/source-state.ts'

/** Options of `readOnce`. */
export interface ReadOnceOptions {
  /** How long the reading may take, in milliseconds. Default 10,000; `Infinity`: no limit. */
  readonly timeoutMs?: number | undefined
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined
  /** Default: the system's clock. */
  readonly clock?: Clock | undefined
  /** Where the source reports. Default: nowhere. */
  readonly logger?: Logger | undefined
}

/** All leaves of one source at one revision. */
export interface SourceReading {
  /** The source's name. */
  readonly name: string
  readonly layers: readonly LayerInfo[]
  /** The leaves of each layer, in the order of `layers`. */
  readonly leaves: readonly (readonly Leaf[])[]
  /** The store's revision that the leaves are from; of a file or a program, a number that means nothing elsewhere. */
  readonly revision: number
  /** Names the store behind, where the source can tell it from others. */
  readonly store: string | undefined
  /** When the reading began, in milliseconds since the Unix epoch: nothing written before can be missing. */
  readonly provenAt: number
}

const OPTION_TABLE: OptionTable = {
  timeoutMs: milliseconds,
  signal: abortSignal,
  clock: withMethods('now', 'setTimeout', 'clearTimeout'),
  logger: withMethods('debug', 'info', 'warn', 'error'),
}

/**
 * Reads the whole tree of a source once, and closes the source. What the source hands over is checked as `load` checks
 * it; no schema is asked (see `validateTree`).
 *
 * @throws LivetreeError `source_unavailable` when the source cannot be read or does not answer in time; `source_broken` when
 *   it breaks the contract of `Source`; `invalid_options`; `aborted`
 */
export async function readOnce(source: Source, options: ReadOnceOptions = {}): Promise<SourceReading> {
  checkOptions('readOnce()', options, OPTION_TABLE)
  const [checked] = checkSources([source])
  if (checked === undefined) throw new LivetreeError('internal', 'A checked source is missing.')
  const { timeoutMs = 10_000, signal, clock = systemClock, logger = silentLogger } = options
  const reading = new Reading(checked, clock)
  const read = async (cut: AbortSignal) => {
    if (cut.aborted) return reading.result
    const connection = openGuarded(checked, { sink: reading.sink, clock, logger })
    try {
      return await Promise.race([reading.result, rejectedBy(cut)])
    } finally {
      await connection.close()
    }
  }
  const what = `Reading source ${checked.name}`
  try {
    // a source that does not close is not waited for any longer than `openGuarded` does
    return await withDeadline(read, { clock, timeoutMs, signals: [signal], what })
  } catch (error) {
    if (isLivetreeError(error) && error.code === 'timeout') throw reading.lateError(timeoutMs)
    throw error
  }
}

/** Rejects when the signal fires. Settles with it, so that nothing is left behind. */
function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** The first tree of a source, or why there is none. */
class Reading {
  readonly result: Promise<SourceReading>
  readonly sink
  readonly #source: Source
  readonly #state: SourceState
  #resolve: (reading: SourceReading) => void = () => {}
  #reject: (error: LivetreeError) => void = () => {}

  constructor(source: Source, clock: Clock) {
    this.#source = source
    this.#state = new SourceState(source, clock)
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // it may be rejected before anybody waits for it
    this.result.catch(() => {})
    this.sink = createSourceSink(source.layers.length, (report) => this.#take(report))
  }

  #take(report: SourceReport): void {
    if (report.type === 'malformed') this.#reject(this.#broken(report.problem))
    else if (report.type === 'replace') this.#takeTree(report.update)
    else if (report.type === 'patch' && !this.#state.hasTree)
      this.#reject(this.#broken('sent a patch before its first replace'))
    else if (report.type === 'lost') {
      const { error, isFinal } = report.reason
      this.#state.takeLoss(report.reason)
      if (isFinal) this.#reject(this.#unavailable(`cannot be read: ${messageOf(error)}`, error))
    }
  }

  #takeTree(update: ReplaceUpdate): void {
    const problem = this.#state.takeReplace(update)
    if (problem !== undefined) {
      this.#reject(this.#broken(problem))
      return
    }
    const { name, layers } = this.#source
    this.#resolve({
      name,
      layers,
      leaves: update.layers.map((leaves) => leaves.filter(({ value }) => value !== undefined)),
      revision: update.revision,
      store: update.store,
      provenAt: this.#state.provenAt ?? 0,
    })
  }

  /** The error of a reading that took too long, with the last failure of the source, if there was one. */
  lateError(timeoutMs: number): LivetreeError {
    const { lastError } = this.#state
    const why = lastError === undefined ? '' : `: ${messageOf(lastError)}`
    return this.#unavailable(`has not delivered its tree within ${timeoutMs} ms${why}`, lastError)
  }

  #unavailable(what: string, cause: unknown): LivetreeError {
    const { name, address } = this.#source
    const where = address === undefined ? '' : ` (${address})`
    const options = cause === undefined ? {} : { cause }
    return new LivetreeError('source_unavailable', `Source ${name}${where} ${what}.`, options)
  }

  #broken(problem: string): LivetreeError {
    return new LivetreeError('source_broken', `Source ${this.#source.name} ${problem}.`)
  }
}
