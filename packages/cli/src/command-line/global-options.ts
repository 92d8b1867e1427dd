import { type Command, InvalidArgumentError, Option } from 'commander'
import { OUTPUT_FORMATS, type OutputFormat } from '../output/result.ts'
import { VariableOption } from './variable-option.ts'

/** Options of every command. */
export interface GlobalOptions {
  readonly config?: string | undefined
  readonly root?: string | undefined
  readonly overlays?: readonly string[] | undefined
  readonly endpoints?: readonly string[] | undefined
  readonly cacert?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly user?: string | undefined
  readonly keys?: string | undefined
  readonly output: OutputFormat
  readonly timeoutMs: number
  /** Whether somebody said how long the command may take. */
  readonly isTimeGiven: boolean
  readonly yes: boolean
  readonly input: boolean
  /** The names of the options, also of the command alone, that variables of the environment gave. */
  readonly fromVariables: ReadonlySet<string>
}

/** The options of every command, as they stand in the help. */
export function addGlobalOptions(program: Command): void {
  const variable = (name: string, flags: string, description: string) =>
    new VariableOption(flags, description, `LIVETREE_${name}`)
  const options = [
    variable(
      'CONFIG',
      '-c, --config <file>',
      'the configuration file, or FILE#EXPORT; default: livetree.config.{ts,mts,js,mjs}, searched upward',
    ),
    variable(
      'ROOT',
      '--root <directory>',
      'the directory of the tree, such as /config/shop, in place of what the configuration file says',
    ),
    variable(
      'OVERLAYS',
      '--overlays <names>',
      'with --root: the directories below it, such as base,prod; later ones win; default: those of the configuration file',
    ).argParser(listOf),
    variable(
      'ENDPOINTS',
      '--endpoints <urls>',
      'the endpoints of etcd, separated by commas; also ETCDCTL_ENDPOINTS',
    ).argParser(listOf),
    variable(
      'CACERT',
      '--cacert <file>',
      'the authority that signs the certificates of etcd; also ETCDCTL_CACERT',
    ),
    variable('CERT', '--cert <file>', 'the certificate of the client; also ETCDCTL_CERT'),
    variable('KEY', '--key <file>', 'its private key; also ETCDCTL_KEY'),
    variable(
      'USER',
      '--user <name>',
      'the user of etcd; the password is read from LIVETREE_PASSWORD or ETCDCTL_PASSWORD',
    ),
    variable(
      'KEYS',
      '--keys <file>',
      'the keys of encrypted secrets, one a line, the current one first; default: those of the configuration file',
    ),
    variable('OUTPUT', '-o, --output <format>', 'what stdout holds').choices(OUTPUT_FORMATS).default('table'),
    variable(
      'TIMEOUT',
      '--timeout <time>',
      'how long the command may take: 10s, 500ms, 2m; where it waits for instances, that takes as long at most, and 30s by default',
    )
      .argParser(milliseconds)
      .default(10_000, '10s'),
    new Option('-y, --yes', 'do not ask'),
    new Option('--no-input', 'never ask, also on a terminal'),
  ]
  for (const option of options) program.addOption(option)
}

/** The options of a command line that was parsed. */
export function globalOptionsOf(command: Command): GlobalOptions {
  const given: Readonly<Record<string, unknown>> = command.optsWithGlobals()
  return {
    ...(given as unknown as GlobalOptions),
    timeoutMs: given['timeout'] as number,
    isTimeGiven: command.getOptionValueSourceWithGlobals('timeout') !== 'default',
    yes: given['yes'] === true,
    input: given['input'] !== false,
    fromVariables: new Set(
      Object.keys(given).filter((name) => command.getOptionValueSourceWithGlobals(name) === 'env'),
    ),
  }
}

/** A text that names something: a variable of a shell that is not set gives an empty one. */
export function filled(text: string): string {
  if (text !== '') return text
  throw new InvalidArgumentError('It is empty.')
}

/** A port to listen at; 0: one that is free. */
export function port(text: string): number {
  const number = Number(text)
  if (/^\d{1,5}$/.test(text) && number <= 65_535) return number
  throw new InvalidArgumentError('Expected a port from 0 to 65535.')
}

/** Names separated by commas. */
function listOf(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === '')) throw new InvalidArgumentError('Expected names separated by commas.')
  return names
}

/** The same for an option that may be repeated. */
export function listsOf(
  text: string,
  before: readonly (readonly string[])[] = [],
): readonly (readonly string[])[] {
  return [...before, listOf(text)]
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, '': 1_000 }

/** Timers of Node take no more than 2^31 ms, some 24 days: beyond that they fire at once. */
const MOST_MS = 20 * 24 * 3_600_000

/** `10s`, `500ms`, `2m`, or seconds. */
export function milliseconds(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|)$/.exec(text) ?? []
  const ms = Number(digits) * (UNITS[unit] ?? 0)
  if (digits === '' || ms < 1 || ms > MOST_MS)
    throw new InvalidArgumentError('Expected a time such as 10s, 500ms or 2m, at most 20 days.')
  return Math.round(ms)
}

/** A revision of the store. */
export function revision(text: string): number {
  const number = Number(text)
  if (/^\d{1,15}$/.test(text) && number >= 1) return number
  throw new InvalidArgumentError('Expected a revision, a whole number from 1 on.')
}

/** A whole number from 1 on. */
export function count(text: string): number {
  const number = Number(text)
  if (/^\d{1,6}$/.test(text) && number >= 1 && number <= 100_000) return number
  throw new InvalidArgumentError('Expected a whole number from 1 to 100000.')
}
