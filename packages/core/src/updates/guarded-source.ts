import { isLivetreeError, LivetreeError } from '../errors.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import type { Clock, PatchUpdate, Source, SourceConnection, SourceContext } from '../source/source.ts'
import { adopt, disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { settledWithin } from '../within.ts'
import { problemOf, strayChange, strayPermission } from './sink-contract.ts'

type SourcePatchParts = Omit<PatchUpdate, 'revision'>

/** Time limit for closing a source, in milliseconds. */
export const CLOSE_MS = 5_000

/**
 * Opens a source, which may be the user's own, and puts its connection behind a guard: `refresh` and `close` reject where
 * they throw, `patchOf` throws its own `invalid_options`, and `source_broken` for what `sink.patch` would refuse, and `close`
 * settles within 5 seconds.
 *
 * @throws LivetreeError `source_broken`
 */
export function openGuarded(source: Source, context: SourceContext): SourceConnection {
  const { name, layers } = source
  const connection = openChecked(source, context)
  const { patchOf } = connection
  return {
    ...(patchOf !== undefined && {
      patchOf: (writes, held) =>
        patchChecked(name, layers.length, () => patchOf.call(connection, writes, held)),
    }),
    // a call that throws must come back as a promise that rejects
    refresh: async (signal) => void disown((await adopt(connection.refresh(signal))).value),
    async close() {
      await closeWithin(name, connection, context.clock)
    },
  }
}

/** @throws LivetreeError `source_broken`, or `invalid_options` of the source's own */
function patchChecked(name: string, layerCount: number, patchOf: () => unknown): SourcePatchParts {
  let problem: string | undefined
  let cause: unknown
  try {
    const given = patchOf()
    const patch = { revision: 0, ...(given as SourcePatchParts) }
    problem = patchProblem(given, patch, layerCount)
    if (problem === undefined) return patch
    disown(given)
    disown(patch)
  } catch (thrown) {
    if (isLivetreeError(thrown) && thrown.code === 'invalid_options') throw thrown
    cause = thrown
    problem = `failed: ${withoutStop(messageOf(thrown))}`
  }
  throw new LivetreeError(
    'source_broken',
    `Source ${name} cannot preview a change: its patchOf() ${problem}.`,
    { cause },
  )
}

function patchProblem(given: unknown, patch: PatchUpdate, layerCount: number): string | undefined {
  if (isPromise(given)) return 'returned a promise; expected { changes }, at once'
  const problem = problemOf('patch', patch)
  if (problem !== undefined) return `returned ${problem}`
  return strayChange(patch.changes, layerCount) ?? strayPermission(patch.allowRemoval, layerCount)
}

function openChecked(source: Source, context: SourceContext): SourceConnection {
  let opened: unknown
  try {
    opened = source.open(context)
    if (isConnection(opened)) return opened
    if (isPromise(opened)) closeLater(opened)
    else disown(opened)
  } catch (cause) {
    const message = `Source ${source.name} could not be opened: ${withoutStop(messageOf(cause))}.`
    throw new LivetreeError('source_broken', message, { cause })
  }
  const given = isPromise(opened) ? 'a promise' : 'no connection'
  const message = `Source ${source.name} could not be opened: its open() returned ${given}; expected { refresh(), close() }, at once.`
  throw new LivetreeError('source_broken', message)
}

function isConnection(value: unknown): value is SourceConnection {
  if (typeof value !== 'object' || value === null) return false
  const { refresh, close } = value as Partial<SourceConnection>
  return typeof refresh === 'function' && typeof close === 'function'
}

/** For an async `open()`, which is refused: closes the connection that its promise resolves with. */
function closeLater(opened: PromiseLike<unknown>): void {
  disown(adopt(opened).then(async ({ value }) => void (isConnection(value) && (await adopt(value.close())))))
}

async function closeWithin(name: string, connection: SourceConnection, clock: Clock): Promise<void> {
  const closing = (async () => void disown((await adopt(connection.close())).value))()
  const isClosed = await settledWithin(closing, clock, CLOSE_MS)
  if (isClosed) return closing
  const message = `Source ${name} has not closed within ${CLOSE_MS} ms and is not waited for: something of it may still be open.`
  throw new LivetreeError('source_broken', message)
}
