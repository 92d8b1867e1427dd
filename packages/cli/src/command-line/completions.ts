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
  const command = namedCommand(program, words)
  const takes = (name: string) => command.registeredArguments.some((argument) => argument.name() === name)
  const paths = takes('path') || words.at(-2) === '--only' ? await pathsOf(words, io) : []
  const ids = takes('id') ? await idsOf(words, io) : []
  const layer = ['overlay', 'layer'].find((name) => isCompleted(words, `--${name}`))
  const found: Found = {
    paths,
    ids,
    layer,
    layers: layer === undefined ? [] : await layersOf(words, io, layer),
  }
  const root = new RootCommand()
  addTo(root, program, found)
  for (const each of commandsBelow(program)) {
    const [path, command] = each
    const made = root.command(path, command.description())
    addTo(made, command, found)
    addOptions(made, program, found)
  }
  return printedBy(() => root.parse([...words]))
}

/** The command that is named so far, however deep. */
function namedCommand(parent: CommanderCommand, words: readonly string[]): CommanderCommand {
  const [word, ...rest] = words.filter((each) => !each.startsWith('-'))
  const command = parent.commands.find((each) => each.name() === word)
  return command === undefined ? parent : namedCommand(command, rest)
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

/** What the configuration file here, or the store, knows of the word that is completed. */
interface Found {
  readonly paths: readonly string[]
  readonly ids: readonly string[]
  /** The option whose value is completed, and what it takes. */
  readonly layer: string | undefined
  readonly layers: readonly string[]
}

/** Whether the last word is the value of an option: after it, or after its `=`. */
function isCompleted(words: readonly string[], option: string): boolean {
  return words.at(-2) === option || words.at(-1)?.startsWith(`${option}=`) === true
}

function addTo(made: TabCommand, command: CommanderCommand, found: Found): void {
  addOptions(made, command, found)
  for (const argument of command.registeredArguments) {
    const names = { path: found.paths, id: found.ids }[argument.name()] ?? []
    const choices = argument.argChoices ?? names
    const offer = (complete: (value: string, description: string) => void) => {
      for (const choice of choices) complete(choice, '')
    }
    made.argument(argument.name(), offer, argument.variadic)
  }
}

function addOptions(made: TabCommand, command: CommanderCommand, { layer, layers }: Found): void {
  for (const { long, short, description, argChoices, required, optional, hidden } of command.options) {
    if (long === undefined || long === null || hidden) continue
    const name = long.slice(2)
    const alias = short?.slice(1)
    const choices = argChoices ?? (name === layer ? layers : [])
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

async function layersOf(words: readonly string[], io: Io, option: string): Promise<readonly string[]> {
  const { layerNames } = await import('./schema-paths.ts')
  return layerNames(words, io, option === 'layer' ? 'layer' : 'overlay')
}

async function pathsOf(words: readonly string[], io: Io): Promise<readonly string[]> {
  const { schemaPaths } = await import('./schema-paths.ts')
  return schemaPaths(words, io)
}

async function idsOf(words: readonly string[], io: Io): Promise<readonly string[]> {
  const { instanceIds } = await import('./instance-ids.ts')
  return instanceIds(words, io)
}
