import { RootCommand } from '@bomb.sh/tab'
import type { Command as CommanderCommand } from 'commander'
import type { Io } from '../output/io.ts'
import { printedBy } from './completion-script.ts'
import { createProgram } from './program.ts'

/**
 * What may come next, one a line, as the scripts read it.
 *
 * @param words what was typed after the name of the command; the last one may be empty
 */
export async function completions(words: readonly string[], io: Io): Promise<string> {
  const program = createProgram()
  const [named] = words.filter((word) => !word.startsWith('-'))
  const command = program.commands.find((each) => each.name() === named)
  const takesPath = command?.registeredArguments.some((argument) => argument.name() === 'path') === true
  const paths = takesPath || words.at(-2) === '--only' ? await pathsOf(words, io) : []
  const root = new RootCommand()
  addTo(root, program, paths)
  for (const each of commandsBelow(program)) {
    const [path, found] = each
    const made = root.command(path, found.description())
    addTo(made, found, paths)
    addOptions(made, program)
  }
  return printedBy(() => root.parse([...words]))
}

/** Every command below one, by its whole name: `schema print`. */
function commandsBelow(
  parent: CommanderCommand,
  above = '',
): readonly (readonly [string, CommanderCommand])[] {
  return parent.commands.flatMap((command) => {
    const name = above === '' ? command.name() : `${above} ${command.name()}`
    return [[name, command] as const, ...commandsBelow(command, name)]
  })
}

type TabCommand = ReturnType<RootCommand['command']>

function addTo(made: TabCommand, command: CommanderCommand, paths: readonly string[]): void {
  addOptions(made, command)
  for (const argument of command.registeredArguments) {
    const choices = argument.argChoices ?? (argument.name() === 'path' ? paths : [])
    const offer = (complete: (value: string, description: string) => void) => {
      for (const choice of choices) complete(choice, '')
    }
    made.argument(argument.name(), offer, argument.variadic)
  }
}

function addOptions(made: TabCommand, command: CommanderCommand): void {
  for (const { long, short, description, argChoices, required, optional, hidden } of command.options) {
    if (long === undefined || long === null || hidden) continue
    const name = long.slice(2)
    const alias = short?.slice(1)
    const choices = argChoices ?? []
    if (required || optional)
      made.option(
        name,
        description,
        (complete) => {
          for (const choice of choices) complete(choice, '')
        },
        alias,
      )
    else made.option(name, description, alias)
  }
}

async function pathsOf(words: readonly string[], io: Io): Promise<readonly string[]> {
  const { schemaPaths } = await import('./schema-paths.ts')
  return schemaPaths(words, io)
}
