import { optionKinds, type OptionTable } from '@livetree/core/source'
import type { InstanceRecord } from 'livetree/operate'
import type { AdminErrorCode } from '../error-codes.ts'
import { AdminError } from '../errors.ts'
import type { CallOptions } from '../workspace.ts'

/** Options of calls that ask the running instances. */
export interface FleetCallOptions extends CallOptions {
  /** `all`: the call fails unless every instance that it concerns agrees. Default `none`. */
  readonly require?: 'all' | 'none' | undefined
}

const requireKind = {
  expected: "'all' or 'none'",
  test: (value: unknown) => value === 'all' || value === 'none',
  isShown: true,
}

/** The options of calls that wait for verdicts on a revision. */
export const VERDICTS_TABLE: OptionTable = {
  require: requireKind,
  timeoutMs: optionKinds.milliseconds,
  signal: optionKinds.abortSignal,
}

/** The longest wait for verdicts on a proposal, in milliseconds: it stands for a minute, and is taken back before. */
export const MOST_WAIT_MS = 50_000

/** The options of a preflight. */
export const PREFLIGHT_TABLE: OptionTable = {
  require: requireKind,
  timeoutMs: {
    expected: `a number of milliseconds from 1 to ${MOST_WAIT_MS}`,
    test: (ms) => typeof ms === 'number' && ms >= 1 && ms <= MOST_WAIT_MS,
    isShown: true,
  },
  allowRemoval: optionKinds.flag,
  signal: optionKinds.abortSignal,
}

/** What one instance answered, as far as a message shows it. */
interface ShownAnswer {
  readonly instance: Pick<InstanceRecord, 'name' | 'id' | 'host'>
  readonly verdict: string
  readonly reason?: string | undefined
  readonly issues: readonly { readonly path: string; readonly message: string }[]
}

/** The most instances that a message shows, and the most issues of each. */
const MOST_SHOWN = 10
const MOST_ISSUES = 3

/**
 * The outcome of the answers: `agreed` where none is rejected or missing.
 *
 * @throws AdminError `fleet_rejected` and `fleet_incomplete` where all are required to agree
 */
export function outcomeOf<Agreed extends string>(
  agreed: Agreed,
  { require = 'none' }: FleetCallOptions,
  what: string,
  rejected: readonly ShownAnswer[],
  missing: readonly ShownAnswer[],
): Agreed | 'rejected' | 'incomplete' {
  if (rejected.length > 0) {
    if (require === 'all')
      throw disagreement('fleet_rejected', `${what} was rejected by`, [...rejected, ...missing])
    return 'rejected'
  }
  if (missing.length === 0) return agreed
  if (require === 'all') throw disagreement('fleet_incomplete', `${what} is not settled with`, missing)
  return 'incomplete'
}

function disagreement(code: AdminErrorCode, what: string, answers: readonly ShownAnswer[]): AdminError {
  const lines = answers
    .slice(0, MOST_SHOWN)
    .flatMap(({ instance: { name, id, host }, verdict, reason, issues }) => [
      `  ${name} ${id} on ${host}: ${verdict}${reason === undefined ? '' : ` (${reason})`}`,
      ...issues.slice(0, MOST_ISSUES).map(({ path, message }) => `    ${path}: ${message}`),
    ])
  const rest = answers.length > MOST_SHOWN ? [`  and ${answers.length - MOST_SHOWN} more`] : []
  const count = answers.length === 1 ? 'one instance' : `${answers.length} instances`
  return new AdminError(code, { what: `${what} ${count}:\n${[...lines, ...rest].join('\n')}\n` })
}
