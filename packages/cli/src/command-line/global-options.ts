import { type Command, InvalidArgumentError, Option } from 'commander'
import { OUTPUT_FORMATS, type OutputFormat } from '../output/result.ts'

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
  readonly output: OutputFormat
  readonly timeoutMs: number
  readonly yes: boolean
  readonly input: boolean
}

/** The options of every command, as they stand in the help. */
export function addGlobalOptions(program: Command): void {
  const add = (flags: string, description: string, change: (option: Option) => Option = (option) => option) =>
    void program.addOption(change(new Option(flags, description)))
  add(
    '-c, --config <file>',
    'the configuration file, or FILE#EXPORT; default: livetree.config.{ts,mts,js,mjs}, searched upward',
    (option) => option.env('LIVETREE_CONFIG'),
  )
  add(
    '--root <directory>',
    'the directory of the tree, such as /config/shop, in place of what the configuration file says',
    (option) => option.env('LIVETREE_ROOT'),
  )
  add(
    '--overlays <names>',
    'with --root: the directories below it, such as base,prod; later ones win',
    (option) => option.env('LIVETREE_OVERLAYS').argParser(listOf),
  )
  add('--endpoints <urls>', 'the endpoints of etcd, separated by commas; also ETCDCTL_ENDPOINTS', (option) =>
    option.env('LIVETREE_ENDPOINTS').argParser(listOf),
  )
  add('--cacert <file>', 'the authority that signs the certificates of etcd; also ETCDCTL_CACERT', (option) =>
    option.env('LIVETREE_CACERT'),
  )
  add('--cert <file>', 'the certificate of the client; also ETCDCTL_CERT', (option) =>
    option.env('LIVETREE_CERT'),
  )
  add('--key <file>', 'its private key; also ETCDCTL_KEY', (option) => option.env('LIVETREE_KEY'))
  add(
    '--user <name>',
    'the user of etcd; the password is read from LIVETREE_PASSWORD or ETCDCTL_PASSWORD',
    (option) => option.env('LIVETREE_USER'),
  )
  add('-o, --output <format>', 'what stdout holds', (option) =>
    option.env('LIVETREE_OUTPUT').choices(OUTPUT_FORMATS).default('table'),
  )
  add('--timeout <time>', 'how long the command may take: 10s, 500ms, 2m', (option) =>
    option.env('LIVETREE_TIMEOUT').argParser(milliseconds).default(10_000, '10s'),
  )
  add('-y, --yes', 'do not ask')
  add('--no-input', 'never ask, also on a terminal')
}

/** The options of a command line that was parsed. */
export function globalOptionsOf(command: Command): GlobalOptions {
  const given: Readonly<Record<string, unknown>> = command.optsWithGlobals()
  return {
    ...(given as unknown as GlobalOptions),
    timeoutMs: given['timeout'] as number,
    yes: given['yes'] === true,
    input: given['input'] !== false,
  }
}

/** Names separated by commas. */
export function listOf(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === '')) throw new InvalidArgumentError('Expected names separated by commas.')
  return names
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, '': 1_000 }

/** `10s`, `500ms`, `2m`, or seconds. */
export function milliseconds(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|)$/.exec(text) ?? []
  const ms = Number(digits) * (UNITS[unit] ?? 0)
  if (digits === '' || ms < 1) throw new InvalidArgumentError('Expected a time such as 10s, 500ms or 2m.')
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
