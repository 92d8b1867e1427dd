import type { SavedPlan } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { assertFleetOptions } from './ask-fleet.ts'
import { carryOut } from './carry-out.ts'
import { planFile, type TransferOptions } from './file-plan.ts'
import { readInput } from './read-input.ts'

/** `livetree apply PLAN|-f FILE`: a saved plan was seen before, so that only a file is asked about. */
export async function apply(
  session: Session,
  [saved]: readonly [saved?: string],
  options: TransferOptions & { readonly file?: string | undefined },
): Promise<Outcome> {
  assertFleetOptions(options)
  const { file } = options
  if (saved === undefined && file === undefined)
    throw usageError(
      'apply needs a plan, or a file',
      'Give what `livetree plan --out PLAN` wrote, or -f FILE.',
    )
  if (saved !== undefined && file !== undefined)
    throw usageError('apply got both a plan and a file', 'Give one of them.')
  if (saved === undefined) {
    const opened = await openTree(session)
    return carryOut(session, opened, await planFile(session, opened, file ?? '-', options), options, {
      asks: true,
    })
  }
  assertOfPlans(session, options)
  const text = await readInput(session, saved)
  const opened = await openTree(session)
  return carryOut(
    session,
    opened,
    await opened.admin.openPlan(parsePlan(saved, text), session.call),
    options,
    {
      asks: false,
    },
  )
}

/** The flags of what a saved plan says itself. */
const PLANNED = {
  overlay: '--overlay',
  layer: '--layer',
  format: '--format',
  prune: '--prune',
  variablePrefix: '--variable-prefix',
  document: '--document',
  ifRevision: '--if-revision',
} as const

/** @throws CliError 64 for a flag that a saved plan would not heed; a variable of the environment is for other commands */
function assertOfPlans({ options: { fromVariables } }: Session, options: TransferOptions): void {
  const names = Object.keys(PLANNED) as readonly (keyof typeof PLANNED)[]
  const given = names.find((name) => options[name] !== undefined && !fromVariables.has(name))
  if (given === undefined) return
  throw usageError(
    `apply takes no ${PLANNED[given]} with a saved plan, which holds it`,
    'Leave it out, or make a new plan with it.',
  )
}

function parsePlan(name: string, text: string): SavedPlan {
  try {
    return JSON.parse(text) as SavedPlan
  } catch {
    throw usageError(
      `${name} is not a saved plan: it is not JSON`,
      'Give what `livetree plan --out PLAN` wrote, or a file of values with -f.',
    )
  }
}
