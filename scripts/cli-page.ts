import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { VariableOption } from '../packages/cli/src/command-line/variable-option.ts'
import { createProgram, EXIT_CODES } from '../packages/cli/src/index.ts'

/** Where the page is. */
export const CLI_PAGE = fileURLToPath(new URL('../docs/cli.md', import.meta.url))

type Command = ReturnType<typeof createProgram>

/** `docs/cli.md`: every command with its arguments and options, from the tree of commands itself. */
export function cliPage(): string {
  const program = createProgram()
  const commands = program.commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  )
  return [
    '# The command `livetree`',
    '',
    'Written by `npm run reference` from the tree of commands. [operate.md](operate.md) shows what a person sees.',
    '',
    ...commands.flatMap(sectionOf),
    '## Options of every command',
    '',
    ...optionTable(program),
    '',
    'Flags win over variables of the environment, these over `ETCDCTL_*`, and these over the configuration file; an empty variable counts as unset. `--cacert`, `--cert` and `--key`',
    'replace the certificates of the file as a whole.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...Object.entries(EXIT_CODES).map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
  ].join('\n')
}

function sectionOf(command: Command): readonly string[] {
  const names: string[] = []
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name())
  const args = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  const about = command.registeredArguments
    .filter(({ description }) => description !== '')
    .map(
      (argument) =>
        `- \`${argument.name()}\`: ${cell(argument.description)}${choicesOf(argument.argChoices)}`,
    )
  return [
    `## ${names.slice(1).join(' ')}`,
    '',
    `\`${[...names, ...args].join(' ')}\``,
    '',
    `${sentence(command.description())}`,
    '',
    ...(about.length === 0 ? [] : [...about, '']),
    ...(command.options.some(({ hidden }) => !hidden) ? [...optionTable(command), ''] : []),
  ]
}

function optionTable(command: Command): readonly string[] {
  const rows = command.options
    .filter(({ hidden }) => !hidden)
    .map((option) => {
      const { flags, description, argChoices, defaultValue, defaultValueDescription, mandatory } = option
      const standIn =
        defaultValueDescription ?? (typeof defaultValue === 'boolean' ? undefined : defaultValue)
      const more = [
        mandatory ? 'required' : '',
        standIn === undefined ? '' : `default ${String(standIn)}`,
        option instanceof VariableOption ? `also \`${option.variable}\`` : '',
      ].filter((part) => part !== '')
      return `| \`${flags}\` | ${cell(description)}${choicesOf(argChoices)} | ${more.join('; ')} |`
    })
  return ['| option | what it does | |', '|---|---|---|', ...rows]
}

function choicesOf(choices: readonly string[] | undefined): string {
  return choices === undefined ? '' : ` (${choices.join(', ')})`
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(CLI_PAGE, cliPage())
