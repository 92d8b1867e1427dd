import { describeIssues, isLivetreeError, LivetreeError } from '../errors.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import type { Issue } from '../issue.ts'
import type { Comparison } from './comparison.ts'
import type { LiveKeys } from '../keyring/live-keys.ts'
import type { ConfigLog } from '../config-log.ts'
import { withDeadline } from '../deadline.ts'
import type { ResolvedLoadOptions } from './load-options.ts'
import { checkDocument, storedSource, unfit } from './stored-source.ts'
import type { Source } from '../source/source.ts'
import type { SourceState } from '../updates/source-state.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'
import type { StoredTree } from '../updates/validator.ts'

/** How long a source may be silent or disconnected at startup before a warning is logged, in milliseconds. */
const PATIENCE_MS = 3_000

/** How long the snapshot may take after the sources have had their time: a disk that does not respond must not block startup. In ms. */
const SNAPSHOT_READ_MS = 5_000

/** How long the sources that waited for the snapshot may take, from when they need not any more, to hand over what they have read. In ms. */
const TURN_MS = 5_000

/** The parts that `startUp` works with. */
export interface StartupParts {
  /** Name of the configuration. */
  readonly name: string
  readonly options: ResolvedLoadOptions
  readonly log: ConfigLog
  readonly sources: readonly SourceState[]
  readonly writer: UpdateProcessor<unknown>
  readonly fingerprint: string
  /** Holds back validation until the snapshot on disk is read; undefined where none is kept. */
  readonly comparison: Comparison | undefined
  /** Holds back validation until the keys are read; undefined where there is no keyring. */
  readonly keys: LiveKeys | undefined
}

/**
 * Waits until there is a state to serve. If the stores deliver none, applies the fallback that `onUnavailable` names.
 *
 * @returns when the served snapshot was proven, in ms since the Unix epoch; undefined if no snapshot is served
 * @throws LivetreeError `startup_timeout`, `source_unavailable` or `invalid_config`, listing every problem; `aborted`
 */
export async function startUp(parts: StartupParts): Promise<number | undefined> {
  const { sources, writer, options } = parts
  const isLate = await waitForSources(parts)
  await parts.keys?.ready(AbortSignal.abort())
  if (parts.comparison === undefined) writer.compareWith(new Map())
  else if (isLate) await compareLate(parts, parts.comparison)
  await writer.settled()
  if (isLate) await giveTurn(parts)
  // With `fail`, an earlier good tree is not enough to start with while the newest one is invalid.
  const isBad = options.onUnavailable === 'fail' && writer.rejected !== undefined
  if (writer.snapshot !== undefined && !isBad) return undefined

  const refusal = refusalOf(parts, isLate)
  const isLocalMissing = sources.some(({ source, hasTree }) => !source.isRemote && !hasTree)
  if (options.onUnavailable === 'fail' || isLocalMissing || !sources.some(({ source }) => source.isRemote)) {
    throw refusal
  }
  if (options.onUnavailable === 'defaults') return serveDefaults(parts, refusal)
  if (parts.comparison === undefined) throw refusal
  return serveSnapshot(parts, parts.comparison, refusal)
}

/** Whatever stands in for the sources has to be compared with as well, so the snapshot gets some time of its own. */
async function compareLate({ options, name }: StartupParts, comparison: Comparison): Promise<void> {
  const { clock, signal, onUnavailable } = options
  try {
    // With `fail` nothing stands in, and the time is over.
    const what = `Reading the snapshot of "${name}"`
    const reading = { clock, timeoutMs: SNAPSHOT_READ_MS, signals: [signal], what }
    if (comparison.isRead || onUnavailable !== 'fail')
      await withDeadline((cut) => comparison.begin(cut), reading)
  } catch (error) {
    if (!isLivetreeError(error) || error.code !== 'timeout') throw error
  }
  comparison.skip()
}

/** Waits for the sources that the snapshot has held back past their time. */
async function giveTurn(parts: StartupParts): Promise<void> {
  const { writer, sources, options, comparison, name } = parts
  const { clock, signal } = options
  const { endedAt } = comparison ?? {}
  if (endedAt === undefined) return
  const isMissing = (state: SourceState) => !state.isLostForGood && isHeldBack(parts, state)
  const untilDecided = async (cut: AbortSignal) => {
    const isOpen = () => writer.snapshot === undefined && writer.rejected === undefined
    while (isOpen() && sources.some(isMissing) && !cut.aborted) await writer.nextConnection()
  }
  const timeoutMs = Math.max(0, TURN_MS - Math.max(0, clock.now() - endedAt))
  try {
    await withDeadline(untilDecided, { clock, timeoutMs, signals: [signal], what: `Loading "${name}"` })
  } catch (error) {
    if (!isLivetreeError(error) || error.code !== 'timeout') throw error
  }
  await writer.settled()
}

/** Whether a source has waited for the snapshot, and has not handed over its tree since. */
function isHeldBack({ comparison }: StartupParts, { source, hasTree }: SourceState): boolean {
  return !hasTree && comparison?.hasHeld(source.name) === true
}

/** Waits until a tree is validated, the timeout expires, or no valid tree can arrive. Returns whether the timeout expired. */
async function waitForSources(parts: StartupParts): Promise<boolean> {
  const { writer, options, name } = parts
  const { clock, timeoutMs, signal } = options
  const patience = clock.setTimeout(() => warnOfMissing(parts), PATIENCE_MS)
  const untilDecided = async (cut: AbortSignal) => {
    await parts.keys?.ready(cut)
    if (cut.aborted) return
    if (parts.comparison === undefined) writer.compareWith(new Map())
    else await parts.comparison.begin(cut)
    while (
      writer.snapshot === undefined &&
      (writer.rejected === undefined || awaitsKeys(parts)) &&
      !isInVain(parts) &&
      !cut.aborted
    ) {
      const connection = writer.nextConnection()
      await (parts.keys === undefined ? connection : Promise.race([connection, parts.keys.nextAnswer()]))
    }
  }
  try {
    await withDeadline(untilDecided, { clock, timeoutMs, signals: [signal], what: `Loading "${name}"` })
    return false
  } catch (error) {
    if (isLivetreeError(error) && error.code === 'timeout') return true
    throw error
  } finally {
    clock.clearTimeout(patience)
  }
}

/** Whether the tree is refused for want of a key that may still come. */
function awaitsKeys({ writer, keys }: StartupParts): boolean {
  if (keys?.isReady !== true || keys.missing.length === 0) return false
  return writer.rejected?.issues.some(({ code }) => code === 'key_missing') === true
}

/** Logs which sources and keys are missing, and whether the snapshot is, so that a process that waits does not appear to hang. */
function warnOfMissing(parts: StartupParts): void {
  const { name, sources, log, options, keys, comparison } = parts
  const waits = `it waits ${options.timeoutMs} ms in all`
  if (keys !== undefined && keys.missing.length > 0) {
    const message = `Configuration "${name}" still waits for the keys of ${keys.missing.join(', ')}; ${waits}`
    log.entry({ level: 'warn', message, code: 'keys_unavailable' })
  }
  if (comparison?.isRead === false) {
    const ms = options.timeoutMs + (options.onUnavailable === 'fail' ? 0 : SNAPSHOT_READ_MS)
    const message = `Configuration "${name}" still waits for the snapshot ${comparison.path}, which has not been read; it does without it after ${ms} ms`
    log.entry({ level: 'warn', message, code: 'snapshot_silent' })
  }
  // What the sources have said is taken when there are keys, and a snapshot to compare it with or none.
  if (keys?.isReady === false || (comparison !== undefined && comparison.endedAt === undefined)) return
  const missing = sources.filter(({ hasTree }) => !hasTree)
  const silent = missing.filter(({ lastError }) => lastError === undefined)
  for (const [what, states] of Map.groupBy(silent, (state) => silenceOf(parts, state))) {
    const names = states.map(({ source }) => `${source.name}${addressOf(source)}`).join(', ')
    const message = `Configuration "${name}" still waits for ${names}, which ${what}; ${waits}`
    log.entry({ level: 'warn', message, code: 'source_silent' })
  }
  for (const { source, lastError } of missing) {
    if (lastError === undefined) continue
    const message = `Configuration "${name}" still waits for ${source.name}, which is lost: ${withoutStop(lastError.message)}; ${waits}`
    log.entry({ level: 'warn', message, code: 'source_lost' })
  }
}

/** Whether waiting is pointless: a required source is disconnected for good, or all missing ones are. */
function isInVain({ sources, options }: StartupParts): boolean {
  const missing = sources.filter(({ hasTree }) => !hasTree)
  const isFatal = ({ source, isLostForGood }: SourceState) =>
    isLostForGood && (!source.isRemote || options.onUnavailable === 'fail')
  return missing.some(isFatal) || (missing.length > 0 && missing.every(({ isLostForGood }) => isLostForGood))
}

/** The error that `load` rejects with unless a fallback applies. */
function refusalOf(parts: StartupParts, isLate: boolean): LivetreeError {
  const { name, sources, writer, options, keys } = parts
  const isAwaited = isLate && awaitsKeys(parts)
  if (keys !== undefined && (!keys.isReady || isAwaited))
    return withoutKeys(parts, keys, isLate ? options.timeoutMs : undefined)
  if (writer.rejected !== undefined) return invalid(name, writer.rejected.issues)
  const missing = sources.filter(({ hasTree }) => !hasTree)
  // If the timeout has not expired, sources that merely have not answered yet are not the reason.
  const blamed = isLate ? missing : missing.filter(({ isLostForGood }) => isLostForGood)
  const lines = blamed.map((state) => {
    const { source, lastError } = state
    const why = lastError === undefined ? silenceOf(parts, state) : lastError.message
    return `  ${source.name}${lastError === undefined ? addressOf(source) : ''}: ${why}`
  })
  const what = isLate ? `did not load within ${options.timeoutMs} ms` : 'cannot be loaded'
  const cause = blamed.find(({ lastError }) => lastError !== undefined)?.lastError
  return new LivetreeError(
    isLate ? 'startup_timeout' : 'source_unavailable',
    [`Configuration "${name}" ${what}. Missing:`, ...lines].join('\n'),
    cause === undefined ? {} : { cause },
  )
}

/** What a source without an error has not done. */
function silenceOf(parts: StartupParts, state: SourceState): string {
  return isHeldBack(parts, state) ? 'has not handed over its tree' : 'has not answered'
}

/** `timeoutMs` is given where the time is over. */
function withoutKeys(
  { name, writer }: StartupParts,
  { error, missing, isReady }: LiveKeys,
  timeoutMs: number | undefined,
): LivetreeError {
  const silent = `the keys of ${missing.join(', ')}, which has not given them`
  const why = error === undefined ? silent : messageOf(error)
  const what = timeoutMs === undefined ? 'cannot be loaded' : `did not load within ${timeoutMs} ms`
  const issues = isReady ? (writer.rejected?.issues ?? []) : []
  return new LivetreeError(
    timeoutMs === undefined ? 'keys_unavailable' : 'startup_timeout',
    describeIssues(`Configuration "${name}" ${what}. Missing:\n  ${why}`, issues),
    { issues, ...(error !== undefined && { cause: error }) },
  )
}

/** The address is only added for a source without an error: an error's message already names it. */
function addressOf({ address }: Source): string {
  return address === undefined ? '' : ` (${address})`
}

function invalid(name: string, issues: readonly Issue[]): LivetreeError {
  const count = issues.length === 1 ? '1 problem' : `${issues.length} problems`
  return new LivetreeError(
    'invalid_config',
    describeIssues(`Configuration "${name}" is not valid, ${count}:`, issues),
    {
      issues,
    },
  )
}

function serveDefaults(parts: StartupParts, refusal: LivetreeError): undefined {
  const empty = ({ source }: SourceState): StoredTree => ({
    revision: 0,
    epoch: 0,
    layers: source.layers.map(() => []),
  })
  const issues = stageFallback(parts, 'defaults', (state) => empty(state))
  if (issues.length > 0)
    throw withReason(refusal, invalid(parts.name, issues), 'The defaults cannot be used either.')
}

async function serveSnapshot(
  parts: StartupParts,
  comparison: Comparison,
  refusal: LivetreeError,
): Promise<number | undefined> {
  try {
    const { path } = comparison
    const document = checkDocument(parts, await comparison.document(), path)
    const issues = stageFallback(parts, 'snapshot', ({ source }) => storedSource(document, source))
    if (issues.length > 0) throw unfit(document, issues, parts.fingerprint, path)
    return Math.min(...document.sources.map(({ provenAt }) => provenAt))
  } catch (error) {
    throw withReason(refusal, error, 'The snapshot on disk cannot be used either.')
  }
}

/** Applies the fallback for the missing sources only, then, if that is invalid, for all remote sources. */
function stageFallback(
  { sources, writer }: StartupParts,
  from: 'snapshot' | 'defaults',
  leavesFor: (state: SourceState) => StoredTree,
): readonly Issue[] {
  const remote = [...sources.entries()].filter(([, { source }]) => source.isRemote)
  const missing = remote.filter(([, { hasTree }]) => !hasTree)
  const attempt = (covered: typeof remote) =>
    writer.fallback(from, new Map(covered.map(([index, state]) => [index, leavesFor(state)])))
  const issues = missing.length === 0 ? undefined : attempt(missing)
  if (issues?.length === 0 || (issues !== undefined && missing.length === remote.length)) return issues
  return attempt(remote)
}

function withReason(refusal: LivetreeError, reason: unknown, also: string): LivetreeError {
  const message = `${refusal.message.slice(refusal.code.length + 3)}\n${also} ${messageOf(reason)}`
  const issues = refusal.issues.length > 0 ? refusal.issues : isLivetreeError(reason) ? reason.issues : []
  return new LivetreeError(refusal.code, message, { cause: reason, issues })
}
