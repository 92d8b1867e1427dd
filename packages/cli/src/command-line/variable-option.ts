import { type Command, Help, InvalidArgumentError, Option } from 'commander'
import { usageError } from '../errors/cli-error.ts'

/**
 * An option that a variable of the environment gives where the command line does not. An empty variable counts as unset, as
 * for `etcdctl`: `LIVETREE_ROOT=` in a file of a container means nothing else.
 */
export class VariableOption extends Option {
  readonly variable: string
  /** Names of options that are not given together with this one. */
  readonly rivals: readonly string[]

  constructor(flags: string, description: string, variable: string, rivals: readonly string[] = []) {
    super(flags, description)
    this.variable = variable
    this.rivals = rivals
    this.conflicts([...rivals])
  }
}

/** The description of an option in the help, with its variable. */
export function optionDescription(this: Help, option: Option): string {
  const text = Help.prototype.optionDescription.call(this, option)
  return option instanceof VariableOption ? `${text} (env: ${option.variable})` : text
}

/**
 * Gives a command that was parsed, and those above it, the options that the environment has. What stands on the command line
 * wins, also over the variable of an option that it excludes.
 *
 * @throws CliError 64 for a variable whose text the option does not take
 */
export function applyVariables(
  command: Command,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  for (let at: Command | null = command; at !== null; at = at.parent)
    for (const option of at.options) {
      if (!(option instanceof VariableOption)) continue
      const text = environment[option.variable] ?? ''
      if (text !== '' && !isGiven(at, option))
        at.setOptionValueWithSource(nameOf(option), takenFrom(option, text), 'env')
    }
}

function isGiven(command: Command, option: VariableOption): boolean {
  return [nameOf(option), ...option.rivals].some((name) => command.getOptionValueSource(name) === 'cli')
}

function nameOf(option: Option): string {
  return option.attributeName()
}

function takenFrom(option: VariableOption, text: string): unknown {
  try {
    return option.parseArg === undefined ? text : option.parseArg<unknown>(text, option.defaultValue)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw usageError(`The variable ${option.variable}, for ${option.flags}, is invalid: ${error.message}`)
  }
}
