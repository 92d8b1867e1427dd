import type { Plan } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { CliError, usageError } from '../errors/cli-error.ts'
import { issueLines } from '../errors/issue-lines.ts'
import type { Session } from '../session.ts'
import type { LayerOptions } from './choose-layer.ts'
import { counted, meantHint } from '../output/words.ts'
import { changeData, changeLines, changesText, nothingToChange, planData, planSummary } from './plan-text.ts'

/** Options of every command that writes. */
export interface WritingOptions extends LayerOptions {
  readonly message?: string | undefined
  readonly dryRun?: boolean | undefined
  readonly allowRemoval?: boolean | undefined
  readonly force?: boolean | undefined
  readonly ifRevision?: number | undefined
  readonly preflight?: boolean | undefined
  readonly wait?: boolean | undefined
}

/** @throws CliError 64 for options that come with the fleet */
export function refuseFleetOptions({ preflight, wait }: WritingOptions): void {
  if (preflight === true || wait === true)
    throw usageError(
      `--${preflight === true ? 'preflight' : 'wait'} asks the running instances, and comes with a later version`,
      'Leave it out: the schema of this code judges the change.',
    )
}

/**
 * Shows a plan, asks where the command asks, applies it, and shows what was written.
 *
 * @throws CliError 5 for a plan that the schema refuses, or that removes so much that instances would refuse it; AdminError as
 *   `Plan.apply`
 */
export async function carryOut(
  session: Session,
  plan: Plan,
  options: WritingOptions,
  { asks }: { readonly asks: boolean },
): Promise<Outcome> {
  assertApplicable(session, plan, options)
  if (plan.isEmpty) {
    session.noteAtEnd(nothingToChange(plan))
    return { result: { data: { id: null, revision: plan.revision, changes: [] }, text: () => '' } }
  }
  const { changes } = plan
  const text = () => changesText(changes, session.style)
  const summary = planSummary(changes)
  warnOfUnused(session, plan)
  if (options.dryRun === true) {
    session.noteAtEnd(`${summary}. Nothing was written (--dry-run).`)
    return { result: { data: { ...planData(plan), isDryRun: true }, text } }
  }
  if (asks) {
    if (!session.options.yes && session.canAsk)
      session.io.stderr.write(changesText(changes, session.noteStyle))
    await session.confirm(`Apply ${summary}`)
  }
  const { message, allowRemoval = false, force = false } = options
  const applied = await session.write((onSend) =>
    plan.apply({
      ...(message !== undefined && { message }),
      allowRemoval,
      force,
      onSend,
      ...session.call,
    }),
  )
  session.noteAtEnd(`Applied ${summary}, at revision ${applied.revision}.`)
  const data = { id: applied.id ?? null, revision: applied.revision, changes: changes.map(changeData) }
  return { result: { data, text } }
}

/** @throws CliError 5 */
export function assertApplicable(
  session: Session,
  plan: Plan,
  { force, allowRemoval, dryRun }: Pick<WritingOptions, 'force' | 'allowRemoval' | 'dryRun'>,
): void {
  if (plan.issues.length > 0 && force !== true)
    throw new CliError(5, `The schema refuses the tree as this change would leave it`, {
      code: 'invalid_tree',
      lines: [
        ...issueLines(plan.issues),
        ...(plan.changes.length > 1 ? ['', ...changeLines(plan.changes, (_, text) => text)] : []),
      ],
      remedy: 'Nothing was written. Correct these paths in the same change.',
    })
  if (plan.issues.length > 0)
    session.warn(`The schema refuses ${counted(plan.issues.length, 'path')}; written all the same (--force).`)
  if (!plan.needsAllowRemoval || allowRemoval === true || dryRun === true) return
  throw new CliError(
    5,
    `The change removes ${plan.removes.length} keys, so many that running instances would refuse it`,
    {
      code: 'removal_refused',
      lines: plan.removes.slice(0, 20).map(({ pathText }) => `- ${pathText}`),
      remedy: 'Nothing was written. Give --allow-removal if all of that is meant to be gone.',
    },
  )
}

function warnOfUnused(session: Session, { unused, changes }: Plan): void {
  const own = new Set(changes.flatMap(({ key, after }) => (after === undefined ? [] : [key])))
  for (const { origin, didYouMean, reason } of unused
    .filter(({ origin: { key } }) => own.has(key))
    .slice(0, 20))
    session.warn(
      `The schema has no place for the key ${origin.key}${reason === undefined ? '' : `: ${reason}`}${didYouMean === undefined ? '' : `.${meantHint(didYouMean)}`}`,
    )
}
