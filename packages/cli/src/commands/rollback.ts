import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { assertFleetOptions } from './ask-fleet.ts'
import { carryOut, type WritingOptions } from './carry-out.ts'
import { chosenLayer } from './choose-layer.ts'

/** `livetree rollback --to N [--only PATH…]` */
export async function rollback(
  session: Session,
  _: readonly unknown[],
  options: WritingOptions & { readonly to: number; readonly only?: readonly string[] | undefined },
): Promise<Outcome> {
  assertFleetOptions(options)
  const { to, only, ifRevision } = options
  if (ifRevision !== undefined) throw usageError('--if-revision is for set and unset')
  const opened = await openTree(session)
  const plan = await opened.admin.rollback({
    to,
    ...chosenLayer(opened, options, false),
    ...(only !== undefined && { only }),
    ...session.call,
  })
  return carryOut(
    session,
    opened,
    plan,
    { ...options, message: options.message ?? `back to revision ${to}` },
    { asks: true },
  )
}
