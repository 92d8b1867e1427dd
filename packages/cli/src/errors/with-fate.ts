import { CliError } from './cli-error.ts'
import { asCliError } from './describe-error.ts'

/** How far the change of a command got. */
export interface SentChange {
  /** Its id, once it was sent. */
  readonly id: string | undefined
  readonly state: 'none' | 'sent' | 'settled' | 'written'
}

/** Exit codes that leave open, without more words, whether something was written. */
const DOUBTFUL: readonly number[] = [1, 7, 8, 124, 130]

/**
 * The failure of a command that writes, with the fate of its change.
 *
 * @param reason why the command was ended from outside; undefined where it was not
 */
export function withFate(error: unknown, reason: CliError | undefined, { id, state }: SentChange): CliError {
  if (reason !== undefined && state === 'sent') return unsettled(reason, id ?? '')
  const failure = asCliError(error)
  if (failure.code === 'outcome_unknown' || state === 'written') return failure
  const told = reason ?? failure
  const words = `${told.message} ${told.remedy ?? ''}`
  const isDoubtful = DOUBTFUL.includes(told.exitCode) || told.code === 'uncaught'
  if (!isDoubtful || words.includes('Nothing was written')) return told
  return new CliError(told.exitCode, told.message, {
    code: told.code,
    lines: told.lines,
    remedy: told.remedy === undefined ? 'Nothing was written.' : `Nothing was written. ${told.remedy}`,
    cause: failure.cause ?? failure,
  })
}

/** The failure of a command that ended while the fate of its change was open. */
function unsettled({ message }: CliError, id: string): CliError {
  return new CliError(8, `${message}, and it is not known whether the change ${id} was written`, {
    code: 'outcome_unknown',
    remedy: `Ask \`livetree history --id ${id}\` once the store answers: it was written if it is there. It is not written twice.`,
  })
}
