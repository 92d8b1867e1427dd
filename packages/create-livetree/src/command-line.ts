import { parseArgs } from 'node:util'
import { FRAMEWORKS, type FrameworkName, isFramework } from './frameworks.ts'
import { Refusal } from './refusal.ts'

/** How the command is used. */
export const USAGE = `Usage: npm create livetree@latest [name] [-- --framework <framework>]

  name                       Of the app and its new folder; "." for the folder you are in.
  --framework <framework>    ${FRAMEWORKS.join(', ')}.
  --help                     Show this.

On a terminal it asks for what is missing. Elsewhere the name is needed, and the framework is "plain".`

/** What was asked for; what was not given is undefined. */
export interface CommandLine {
  readonly isHelp: boolean
  readonly name: string | undefined
  readonly framework: FrameworkName | undefined
}

/** @throws Refusal for options and arguments that there are not */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parsed(args)
  const [name, ...others] = positionals
  if (others.length > 0)
    throw new Refusal(
      'usage',
      `One name was expected, and ${positionals.length} are given: ${positionals.join(' ')}.`,
    )
  const { framework, help = false } = values
  if (framework !== undefined && !isFramework(framework))
    throw new Refusal(
      'usage',
      `There is no framework ${JSON.stringify(framework)}; there are ${FRAMEWORKS.join(', ')}.`,
    )
  return { isHelp: help, name, framework }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { framework: { type: 'string', short: 'f' }, help: { type: 'boolean', short: 'h' } },
    })
  } catch (error) {
    throw new Refusal('usage', (error as Error).message)
  }
}
