import type { Applied, Plan } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { describeUnused } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { CliError } from '../errors/cli-error.ts'
import { issueLines } from '../errors/issue-lines.ts'
import type { OpenedTree } from '../connect/open-tree.ts'
import type { Session } from '../session.ts'
import { allVerdicts, assertWaitable, type FleetOptions, preflightOf, verdictsOf } from './ask-fleet.ts'
import type { LayerOptions } from './choose-layer.ts'
import { answersData } from './fleet-answers.ts'
import { counted, meantHint } from '../output/words.ts'
import { changeData, changeLines, changesText, nothingToChange, planData, planSummary } from './plan-text.ts'

/** Options of every command that writes. */
export interface WritingOptions extends LayerOptions, FleetOptions {
  readonly message?: string | undefined
  readonly ifRevision?: number | undefined
}

/**
 * Shows a plan, asks the running instances and the user where that is meant, applies it, and shows what was written and what
 * the instances say of it.
 *
 * @throws CliError 5 for a plan that the schema refuses, or that removes so much that instances would refuse it; 6 where instances
 *   do not agree; AdminError as `Plan.apply`
 */
export async function carryOut(
  session: Session,
  opened: OpenedTree,
  plan: Plan,
  options: WritingOptions,
  { asks }: { readonly asks: boolean },
): Promise<Outcome> {
  assertApplicable(session, plan, options)
  if (plan.isEmpty) {
    session.noteAtEnd(nothingToChange(plan))
    const data = { id: null, revision: plan.revision, changes: [] }
    if (options.wait !== true) return { result: { data, text: () => '' } }
    const verdicts = answersData(await allVerdicts(session, opened, plan.revision))
    return { result: { data: { ...data, verdicts }, text: () => '' } }
  }
  const { changes } = plan
  const text = () => changesText(changes, session.style)
  const summary = planSummary(changes)
  warnOfUnused(session, plan)
  if (options.dryRun === true || options.preflight === true) await plan.assertUnmoved(session.call)
  const preflight = await preflightOf(session, opened, plan, options)
  const asked = preflight === undefined ? {} : { preflight: answersData(preflight) }
  if (options.dryRun === true) {
    session.noteAtEnd(`${summary}. Nothing was written (--dry-run).`)
    return { result: { data: { ...planData(plan), isDryRun: true, ...asked }, text } }
  }
  if (asks) {
    if (!session.options.yes && session.canAsk)
      session.io.stderr.write(changesText(changes, session.noteStyle))
    await session.confirm(`Apply ${summary}`)
  }
  if (options.wait === true) await assertWaitable(session, opened)
  const applied = await written(session, plan, options)
  const done = `Applied ${summary}, at revision ${applied.revision}.`
  if (options.wait === true) session.note(done)
  else session.noteAtEnd(done)
  const waited = options.wait === true ? { verdicts: answersData(await verdictsOf(session, applied)) } : {}
  const { id = null, revision } = applied
  return { result: { data: { id, revision, changes: changes.map(changeData), ...asked, ...waited }, text } }
}

function written(session: Session, plan: Plan, options: WritingOptions): Promise<Applied> {
  const { message, allowRemoval = false, force = false } = options
  return session.write((onSend) =>
    plan.apply({
      ...(message !== undefined && { message }),
      allowRemoval,
      force,
      onSend,
      ...session.call,
    }),
  )
}

/**
 * @param canForce whether the command has `--force`
 * @throws CliError 5
 */
export function assertApplicable(
  session: Session,
  plan: Plan,
  { force, allowRemoval, dryRun }: Pick<WritingOptions, 'force' | 'allowRemoval' | 'dryRun'>,
  canForce = true,
): void {
  if (plan.issues.length > 0 && force !== true)
    throw new CliError(5, `The schema refuses the tree as this change would leave it`, {
      code: 'invalid_tree',
      lines: [
        ...issueLines(plan.issues),
        ...(plan.changes.length > 1 ? ['', ...changeLines(plan.changes, (_, text) => text)] : []),
      ],
      remedy: `Nothing was written. Correct these paths in the same change.${canForce && isMissingMore(plan) ? OTHER_LAYERS : ''}`,
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

/** A change of this command writes one layer, and is judged with the values of all. */
const OTHER_LAYERS =
  ' Where another layer is to have them, as with the first values of a tree, write this layer with --force, then the other one.'

/** Whether values are missing, which stand in no layer yet, where the change writes nothing. */
function isMissingMore({ issues, changes }: Plan): boolean {
  return issues.some(
    ({ origins, path }) => origins.length === 0 && !changes.some((change) => isSamePlace(path, change.path)),
  )
}

/** Whether one path is the other, or leads to it. */
function isSamePlace(one: Path, other: Path): boolean {
  const length = Math.min(one.length, other.length)
  return one.slice(0, length).every((name, index) => name === other[index])
}

function warnOfUnused(session: Session, { unused, changes }: Plan): void {
  const own = new Set(changes.flatMap(({ key, after }) => (after === undefined ? [] : [key])))
  for (const key of unused.filter(({ origin }) => own.has(origin.key)).slice(0, 20))
    session.warn(
      `The schema has no place for the key ${describeUnused(key)}${key.reason === undefined ? '' : `: ${key.reason}`}${key.didYouMean === undefined ? '' : `.${meantHint(key.didYouMean)}`}`,
    )
}
