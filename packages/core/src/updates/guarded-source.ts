import { isLivetreeError, LivetreeError } from '../errors.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import type { Clock, Leaf, PatchUpdate, Source, SourceConnection, SourceContext } from '../source/source.ts'
import { adopt, disown } from '../callback.ts'
import { ownCopy } from '../format/own-copy.ts'
import { isPromise } from '../promises-in.ts'
import { settledWithin } from '../within.ts'
import { MalformedArgument, readArgument, strayChange, strayPermission } from './sink-contract.ts'

type SourcePatchParts = Omit<PatchUpdate, 'revision'>

/** Time limit for closing a source, in milliseconds. */
export const CLOSE_MS = 5_000

/**
 * Opens a source, which may be the user's own, and puts its connection behind a guard: `refresh` and `close` reject where
 * they throw, `patchOf` throws its own `invalid_options`, and `source_broken` for what `sink.patch` would refuse, and `close`
 * settles within 5 seconds.
 *
 * @throws LivetreeError `source_broken`, or `invalid_options` of the source's own
 */
export function openGuarded(source: Source, context: SourceContext): SourceConnection {
  const { name, layers } = source
  const { connection, refresh, close, patchOf } = openChecked(source, context)
  return {
    ...(typeof patchOf === 'function' && {
      patchOf: (writes, held) =>
        patchChecked(name, layers.length, () => patchOf.call(connection, writes, () => held().map(copiesOf))),
    }),
    // a call that throws must come back as a promise that rejects
    refresh: async (signal) => void disown((await adopt(refresh.call(connection, signal))).value),
    close: () => closeWithin(name, () => close.call(connection), context.clock),
  }
}

/** A source may write to what it is given. */
function copiesOf(leaves: readonly Leaf[]): readonly Leaf[] {
  return leaves.map((leaf) => ({ ...leaf, value: ownCopy(leaf.value) }))
}

/** @throws LivetreeError `source_broken`, or `invalid_options` of the source's own */
function patchChecked(name: string, layerCount: number, patchOf: () => unknown): SourcePatchParts {
  let given: unknown
  let problem: string | undefined
  let cause: unknown
  try {
    given = patchOf()
    if (isPromise(given)) throw new MalformedArgument('a promise; expected { changes }, at once')
    const patch = readArgument('patch', { ...(given as SourcePatchParts), revision: 0 })
    problem = strayChange(patch.changes, layerCount) ?? strayPermission(patch.allowRemoval, layerCount)
    if (problem === undefined) return patch
  } catch (thrown) {
    if (isLivetreeError(thrown) && thrown.code === 'invalid_options') throw thrown
    const isMalformed = thrown instanceof MalformedArgument
    if (!isMalformed) cause = thrown
    problem = isMalformed ? `returned ${thrown.message}` : `failed: ${withoutStop(messageOf(thrown))}`
  }
  disown(given)
  throw new LivetreeError(
    'source_broken',
    `Source ${name} cannot preview a change: its patchOf() ${problem}.`,
    { cause },
  )
}

/** A connection, and its methods as they were when it was opened. */
interface OpenedConnection extends Pick<SourceConnection, 'refresh' | 'close' | 'patchOf'> {
  readonly connection: unknown
}

/** @throws LivetreeError `source_broken`, or `invalid_options` of the source's own */
function openChecked(source: Source, context: SourceContext): OpenedConnection {
  let opened: unknown
  try {
    opened = source.open(context)
    const methods = methodsOf(opened)
    if (methods !== undefined) return methods
    if (isPromise(opened)) closeLater(opened)
    else disown(opened)
  } catch (cause) {
    if (isLivetreeError(cause) && cause.code === 'invalid_options') throw cause
    const message = `Source ${source.name} could not be opened: ${withoutStop(messageOf(cause))}.`
    throw new LivetreeError('source_broken', message, { cause })
  }
  const given = isPromise(opened) ? 'a promise' : 'no connection'
  const message = `Source ${source.name} could not be opened: its open() returned ${given}; expected { refresh(), close() }, at once.`
  throw new LivetreeError('source_broken', message)
}

/** Reads the methods of a connection, each one once; undefined where it is none. */
function methodsOf(connection: unknown): OpenedConnection | undefined {
  if (typeof connection !== 'object' || connection === null) return undefined
  const { refresh, close, patchOf } = connection as Partial<SourceConnection>
  if (typeof refresh !== 'function' || typeof close !== 'function') return undefined
  return { connection, refresh, close, ...(patchOf !== undefined && { patchOf }) }
}

/** For an async `open()`, which is refused: closes the connection that its promise resolves with. */
function closeLater(opened: PromiseLike<unknown>): void {
  disown(adopt(opened).then(async ({ value }) => void (await adopt(methodsOf(value)?.close.call(value)))))
}

async function closeWithin(name: string, close: () => unknown, clock: Clock): Promise<void> {
  const closing = (async () => void disown((await adopt(close())).value))()
  const isClosed = await settledWithin(closing, clock, CLOSE_MS)
  if (isClosed) return closing
  const message = `Source ${name} has not closed within ${CLOSE_MS} ms and is not waited for: something of it may still be open.`
  throw new LivetreeError('source_broken', message)
}
