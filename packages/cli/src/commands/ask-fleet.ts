import type { Applied, Convergence, Plan, Preflight } from '@livetree/admin'
import type { OpenedTree } from '../connect/open-tree.ts'
import { CliError, usageError } from '../errors/cli-error.ts'
import { asCliError } from '../errors/describe-error.ts'
import type { Session } from '../session.ts'
import {
  agreeing,
  disagreement,
  type DisagreementWords,
  disagreementLines,
  restartText,
} from './fleet-answers.ts'
import { warnOfUnreadable } from './instance-text.ts'

/** Options of a command that writes, as far as they are about the running instances. */
export interface FleetOptions {
  readonly preflight?: boolean | undefined
  readonly wait?: boolean | undefined
  readonly dryRun?: boolean | undefined
  readonly force?: boolean | undefined
  readonly allowRemoval?: boolean | undefined
}

/** How long instances are waited for where nobody says it, in milliseconds: as long as the record of a killed one stays. */
const WAIT_MS = 30_000

/** The longest that a preflight waits, in milliseconds. */
const MOST_PREFLIGHT_MS = 50_000

/** How long running instances are waited for, in milliseconds. */
function waitMsOf({ options: { isTimeGiven, timeoutMs } }: Session): number {
  return isTimeGiven ? timeoutMs : WAIT_MS
}

/** @throws CliError 64 where nothing is written that could be waited for */
export function assertFleetOptions({ wait, dryRun }: FleetOptions): void {
  if (wait === true && dryRun === true)
    throw usageError('--wait waits for a change to be applied, and nothing is written here', 'Leave it out.')
}

/**
 * Asks the running instances about a plan, where that is meant, and says what they answer.
 *
 * @returns undefined where nobody was to be asked
 * @throws CliError 6 unless all accept it; with `force` unless one does
 */
export async function preflightOf(
  session: Session,
  { definition }: OpenedTree,
  plan: Plan,
  { preflight, dryRun, force, allowRemoval }: FleetOptions,
): Promise<Preflight | undefined> {
  if (preflight !== true) return undefined
  if (definition === undefined)
    throw usageError(
      '--preflight needs a schema: without one nothing is known to be secret, and instances would be sent secrets',
      'Run it where a livetree.config.ts is, or leave it out.',
    )
  const { isTimeGiven, timeoutMs } = session.options
  const { signal } = session.deadline
  const found = await session.deadline.aside(() =>
    plan.preflight({
      ...(isTimeGiven && { timeoutMs: Math.min(timeoutMs, MOST_PREFLIGHT_MS) }),
      allowRemoval: allowRemoval === true || dryRun === true,
      signal,
    }),
  )
  warnOfUnreadable(session, found.unreadable)
  const failure = disagreement(found, ASKED)
  if (failure === undefined) sayAccepted(session, found)
  else if (force === true && found.answers.some(({ verdict }) => verdict === 'accepted'))
    session.warn(
      [`${failure.message}; written all the same (--force):`, ...disagreementLines(found.answers)].join(
        '\n  ',
      ),
    )
  else throw failure
  return found
}

const ASKED: DisagreementWords = {
  rejected: (by) => `The change is rejected by ${by}`,
  missing: (by) => `${by} did not say that they would apply the change`,
  remedies: {
    rejected: 'Nothing was written. Correct the change, or deploy what accepts it first.',
    missing:
      'Nothing was written. Look at them with `livetree fleet show`, give them more time with --timeout, or leave --preflight out.',
  },
}

function sayAccepted(session: Session, { answers, hidden }: Preflight): void {
  session.note(
    answers.length === 0
      ? 'No running instance that joined the fleet reads these keys: nobody was asked.'
      : `Accepted by ${agreeing(answers)}.`,
  )
  if (hidden.length > 0 && answers.length > 0)
    session.note(`No instance has judged ${hidden.join(', ')}: what may be secret is not sent.`)
  const restart = restartText(answers, 'would go on with')
  if (restart !== undefined) session.note(restart)
}

/**
 * Fails before anything is written where the running instances cannot be read, whose verdicts shall be waited for.
 *
 * @throws AdminError as `Admin.instances`
 */
export async function assertWaitable(session: Session, { admin }: OpenedTree): Promise<void> {
  await admin.instances(session.call)
}

/**
 * Waits until every running instance has applied everything that was written up to a revision, by default the newest.
 *
 * @throws CliError 6 unless all have; AdminError as `Admin.verdicts`
 */
export async function allVerdicts(
  session: Session,
  { admin }: OpenedTree,
  revision?: number,
): Promise<Convergence> {
  const { signal } = session.deadline
  const timeoutMs = waitMsOf(session)
  const found = await session.deadline.aside(() => admin.verdicts(revision, { timeoutMs, signal }))
  warnOfUnreadable(session, found.unreadable)
  const written = `was written up to revision ${found.revision}`
  const failure = disagreement(found, {
    rejected: (by) => `What ${written} is rejected by ${by}`,
    missing: (by) => `${by} did not apply what ${written} within ${timeoutMs / 1_000} s`,
    remedies: {
      rejected: 'Correct it, or choose a revision to roll back to from `livetree history`.',
      missing: 'Look at them with `livetree fleet show`, or give them more time with --timeout.',
    },
  })
  if (failure !== undefined) throw failure
  const { answers } = found
  if (answers.length > 0) session.noteAtEnd(`All that ${written} is applied by ${agreeing(answers)}.`)
  const restart = restartText(answers, 'go on with')
  if (restart !== undefined) session.noteAtEnd(restart)
  return found
}

/**
 * Waits until every running instance has applied what was written.
 *
 * @throws CliError 6 unless all have; and what kept it from waiting, which says that the change is written
 */
export async function verdictsOf(session: Session, applied: Applied): Promise<Convergence> {
  const { revision } = applied
  const { signal } = session.deadline
  const timeoutMs = waitMsOf(session)
  const found = await session.deadline
    .aside(() => applied.verdicts({ timeoutMs, signal }))
    .catch((error: unknown) => {
      throw stillWritten(signal.aborted ? signal.reason : error, revision)
    })
  warnOfUnreadable(session, found.unreadable)
  const failure = disagreement(found, {
    rejected: (by) => `Revision ${revision} is rejected by ${by}`,
    missing: (by) => `${by} did not apply revision ${revision} within ${timeoutMs / 1_000} s`,
    remedies: {
      rejected: `The change is written. This takes it back: ${takenBack(applied)}`,
      missing: `The change is written. Look at them with \`livetree fleet show\`, or wait on: livetree fleet status --revision ${revision}`,
    },
  })
  if (failure !== undefined) throw failure
  session.noteAtEnd(
    found.answers.length === 0
      ? 'No running instance that joined the fleet reads these keys: nobody was waited for.'
      : `Applied by ${agreeing(found.answers)}.`,
  )
  const restart = restartText(found.answers, 'go on with')
  if (restart !== undefined) session.noteAtEnd(restart)
  return found
}

/** A failure after the write, which may not say that nothing was written. */
function stillWritten(error: unknown, revision: number): CliError {
  const { exitCode, message, code, lines, cause } = asCliError(error)
  const what = message.replaceAll(/ ?Nothing was written\./g, '')
  return new CliError(exitCode, `${what}, while the instances were waited for`, {
    code,
    lines,
    remedy: `The change is written, at revision ${revision}. This waits on: livetree fleet status --revision ${revision}`,
    cause,
  })
}

/** The most paths that the command shows which takes a change back. */
const MOST_PATHS = 5

function takenBack({ revision, changes }: Applied): string {
  const paths = changes.map(({ pathText }) => pathText)
  const arePlain = paths.length <= MOST_PATHS && paths.every((path) => /^[\w.-]+$/.test(path))
  return `livetree rollback --to ${revision - 1}${arePlain ? ` --only ${paths.join(' ')}` : ''}`
}
