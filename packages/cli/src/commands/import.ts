import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import type { Session } from '../session.ts'
import { assertFleetOptions } from './ask-fleet.ts'
import { carryOut } from './carry-out.ts'
import { planFile, type TransferOptions } from './file-plan.ts'

/** `livetree import FILE`: a plan like any other. */
export async function importFile(
  session: Session,
  [file]: readonly [file: string],
  options: TransferOptions,
): Promise<Outcome> {
  assertFleetOptions(options)
  const opened = await openTree(session)
  return carryOut(session, opened, await planFile(session, opened, file, options), options, { asks: true })
}
