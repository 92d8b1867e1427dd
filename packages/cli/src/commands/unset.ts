import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { assertFleetOptions } from './ask-fleet.ts'
import { carryOut, type WritingOptions } from './carry-out.ts'
import { chosenLayer } from './choose-layer.ts'
import { parsePathText } from '@livetree/core/tools'

/** `livetree unset PATH [--recursive]`: a path that the schema does not know may be removed too. */
export async function unset(
  session: Session,
  [place]: readonly [place: string],
  options: WritingOptions & { readonly recursive?: boolean | undefined },
): Promise<Outcome> {
  assertFleetOptions(options)
  const opened = await openTree(session)
  const { ifRevision, recursive = false } = options
  const change = opened.admin.change({
    ...chosenLayer(opened, options),
    ...(ifRevision !== undefined && { ifRevision }),
  })
  const plan = await change.unset(parsePathText(place)).plan(session.call)
  const isSubtree = plan.removes.length > 1 || place === ''
  if (isSubtree && !recursive && options.dryRun !== true)
    throw usageError(
      `"${place}" is a subtree: ${plan.removes.length} keys would be removed`,
      'Nothing was written. Look with --dry-run, and give --recursive if all of them are meant.',
      plan.removes.slice(0, 20).map(({ pathText }) => `- ${pathText}`),
    )
  return carryOut(session, opened, plan, options, { asks: isSubtree })
}
