import { isTextOpenAt, pathText } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { assertFleetOptions } from './ask-fleet.ts'
import { carryOut, type WritingOptions } from './carry-out.ts'
import { chosenLayer } from './choose-layer.ts'
import { knownPath } from './known-path.ts'
import { readValue } from './read-input.ts'

/** `livetree set PATH VALUE|@FILE|-` */
export async function set(
  session: Session,
  [place, argument]: readonly [place: string, argument: string],
  options: WritingOptions,
): Promise<Outcome> {
  assertFleetOptions(options)
  const opened = await openTree(session)
  const { definition, admin } = opened
  const path = knownPath(definition, place)
  const value = await readValue(session, argument)
  if (value.isArgument && definition !== undefined && !isTextOpenAt(definition, path))
    throw usageError(
      `${pathText(path)} may be secret, and others can read an argument: the list of processes, the history of the shell`,
      `Give the value on stdin, livetree set ${place} -, or from a file, livetree set ${place} @FILE.`,
    )
  const { ifRevision } = options
  const change = admin.change({
    ...chosenLayer(opened, options),
    ...(ifRevision !== undefined && { ifRevision }),
  })
  const plan = await change.setText(path as never, value.text).plan(session.call)
  return carryOut(session, opened, plan, options, { asks: false })
}
