import { Argument, Command, Option } from 'commander'
import { addGlobalOptions, count, listsOf, port, revision } from './global-options.ts'
import { refuseEmpty } from './refuse-empty.ts'
import type { Runner } from './runner.ts'
import { optionDescription } from './variable-option.ts'
import { VERSION } from './version.ts'
import { type Add, addWriting, document, PREFLIGHT, WAIT } from './writing-commands.ts'

/** A command of the tree, and what loads its code. */
export interface Chosen {
  readonly command: Command
  readonly load: () => Promise<Runner>
}

/**
 * The tree of commands, with their help. Nothing of what they do is loaded.
 *
 * @param choose is called by `parse` with the command that was named
 */
export function createProgram(choose: (chosen: Chosen) => void = () => {}): Command {
  const program = new Command('livetree')
    .description('Reads, judges and writes the configuration of livetree in etcd.')
    .version(VERSION, '--version', 'show the version')
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false, optionDescription })
    .showSuggestionAfterError(true)
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', `\n${FOOTER}`)
  addGlobalOptions(program)
  const add = (
    usage: string,
    description: string,
    load: () => Promise<Runner>,
    parent = program,
    how = {},
  ): Command => {
    const command = parent.command(usage, how).description(description)
    command.action(() => choose({ command, load }))
    return command
  }
  addReading(add)
  addWriting(add)
  addComparing(add)
  addSchema(program, add)
  addFleet(program, add)
  addSecrets(program, add)
  addOthers(add)
  refuseEmpty(program)
  return program
}

/** Whether a command may write to the store. */
export function isWriting(command: Command): boolean {
  return command.options.some(({ long }) => long === '--dry-run')
}

const FOOTER = `stdout holds data and nothing else; a command that failed leaves it empty.
livetree help COMMAND shows the options of a command.`

function addReading(add: Add): void {
  const at = () => new Option('--revision <n>', 'the tree as it was at this revision').argParser(revision)
  const reveal = () => new Option('--reveal', 'show secrets')
  add(
    'init',
    'write a livetree.config.ts, and say what next',
    async () => (await import('../commands/init.ts')).init,
  )
    .option('--name <name>', 'the name of the configuration; default: that of the folder')
    .option('--force', 'replace a file that is there')
  add(
    'tree',
    'show every value, and where it comes from',
    async () => (await import('../commands/tree.ts')).tree,
  )
    .argument('[path]', 'show only what is at or below this path')
    .addOption(at())
    .addOption(reveal())
  add('get', 'show one value', async () => (await import('../commands/get.ts')).get)
    .argument('<path>', 'such as db.pool.max')
    .addOption(at())
    .addOption(reveal())
  add(
    'explain',
    'show which layers have a say in a value',
    async () => (await import('../commands/explain.ts')).explain,
  )
    .argument('<path>', 'such as db.pool.max')
    .addOption(at())
    .addOption(reveal())
}

function addComparing(add: Add): void {
  const side = 'live, rev:N, overlay:NAME or file:PATH'
  add('diff', 'compare trees, layers or files', async () => (await import('../commands/diff.ts')).diff)
    .argument('<a>', side)
    .argument('<b>', side)
    .addOption(document())
    .option('--exit-code', 'exit with 2 if they differ')
  add(
    'validate',
    'judge files as if they stood in the store',
    async () => (await import('../commands/validate.ts')).validate,
  ).argument('<file...>', 'YAML, JSON or TOML; - for stdin; later files win')
  add(
    'check',
    'judge what is stored by the schema of this code: the gate before a deploy',
    async () => (await import('../commands/check.ts')).check,
  )
  add(
    'history',
    'show who changed what, when and why',
    async () => (await import('../commands/history.ts')).history,
  )
    .argument('[path]', 'only what changed at, below or above this path')
    .option('--overlay <name>', 'only what changed in this layer')
    .addOption(new Option('--since <n>', 'only what was written after this revision').argParser(revision))
    .addOption(new Option('-n, --limit <n>', 'the most entries').argParser(count).default(20))
    .option('--recorded-only', 'leave out writes of other tools')
    .option('--id <id>', 'the one write with this id, such as that of a write that was cut off')
  add('watch', 'show each change as it is made', async () => (await import('../commands/watch.ts')).watch)
    .argument('[path]', 'only what changes at, below or above this path')
    .addOption(new Option('-n, --limit <n>', 'end after this many changes').argParser(count))
  add(
    'export',
    'write the tree, or one layer, as text',
    async () => (await import('../commands/export.ts')).exportTree,
  )
    .addOption(
      new Option('--format <format>', 'the form of the text').choices(['yaml', 'json', 'dotenv', 'etcdctl']),
    )
    .option('--overlay <name>', 'what this layer holds, as it is stored')
    .option('--layer <directory>', 'the same, by its whole directory')
    .addOption(new Option('--revision <n>', 'the tree as it was at this revision').argParser(revision))
    .option('--reveal', 'include secrets')
    .option('--variable-prefix <text>', 'with dotenv: what the names begin with, such as SHOP_')
}

function addSchema(program: Command, add: Add): void {
  const schema = program.command('schema').description('show the schema, or what changed in it')
  const load = async () => await import('../commands/schema.ts')
  add('print', 'write the JSON Schema', async () => (await load()).print, schema)
  add('docs', 'write a reference of every key, as Markdown', async () => (await load()).docs, schema)
  add('diff', 'show what the schema of this code no longer takes', async () => (await load()).diff, schema)
    .argument('<before>', 'a file of `livetree schema print`, or a revision of git')
    .option('--exit-code', 'exit with 2 if something became incompatible, or if that cannot be told')
}

function addFleet(program: Command, add: Add): void {
  const fleet = program.command('fleet').description('show the running instances that joined the fleet')
  const ls = add(
    'ls',
    'list them; the same as `livetree fleet`',
    async () => {
      const { assertVerb, list } = await import('../commands/fleet-ls.ts')
      assertVerb(
        ls.args[0],
        fleet.commands.map((command) => command.name()),
      )
      return list
    },
    fleet,
    { isDefault: true },
  ).allowExcessArguments(true)
  add(
    'show',
    'show all that one of them says',
    async () => (await import('../commands/fleet-show.ts')).show,
    fleet,
  ).argument('<id>', 'its id, the beginning of it, or NAME/ID')
  add(
    'status',
    'wait until each of them has applied a revision, and exit with 6 if one has not',
    async () => (await import('../commands/fleet-status.ts')).status,
    fleet,
  ).addOption(
    new Option(
      '--revision <n>',
      'what was written up to this revision; default: everything that was written',
    ).argParser(revision),
  )
}

function addSecrets(program: Command, add: Add): void {
  const secrets = program.command('secrets').description('show and renew the encryption of secrets')
  const load = async () => await import('../commands/secrets.ts')
  add('ls', 'show which key each value is encrypted with', async () => (await load()).list, secrets)
  add(
    'rotate',
    'encrypt values of earlier keys with the current one',
    async () => (await load()).rotate,
    secrets,
  )
    .option('-m, --message <why>', 'why, as the history shows it')
    .option('--plaintext', 'encrypt also what stands there in plain text')
    .option('--dry-run', 'show what would change, and write nothing')
    .option(...PREFLIGHT)
    .option(...WAIT)
}

function addOthers(add: Add): void {
  add(
    'doctor',
    'check endpoints, TLS, permissions, clock, history and watches',
    async () => (await import('../commands/doctor.ts')).doctor,
  )
  add(
    'completion',
    'write a script that completes commands and paths',
    async () => (await import('../commands/completion.ts')).completion,
  )
    .addArgument(new Argument('<shell>', 'your shell').choices(['bash', 'zsh', 'fish', 'powershell']))
    .addHelpText('after', COMPLETION)
  add('console', 'serve the web console', async () => (await import('../commands/console.ts')).console)
    .addOption(new Option('--port <n>', 'the port to listen at; default: one that is free').argParser(port))
    .option('--host <name>', 'the name or address to listen at; default: 127.0.0.1, for this machine alone')
    .option('--read-only', 'refuse everything that writes')
    .addOption(new Option('--compare <directories>', COMPARE).argParser(listsOf))
    .option('--open', 'open it in your browser')
}

const COMPARE =
  'another environment to compare with, by its directories: /config/shop/base,/config/shop/staging; may be repeated'

const COMPLETION = `
  bash:        livetree completion bash > ~/.local/share/bash-completion/completions/livetree
  zsh:         livetree completion zsh > "\${fpath[1]}/_livetree"
  fish:        livetree completion fish > ~/.config/fish/completions/livetree.fish
  powershell:  livetree completion powershell >> $PROFILE`
