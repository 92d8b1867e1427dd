import { checkOptions, type OptionTable } from '../check-options.ts'
import { LivetreeError } from '../errors.ts'
import { flag, isObject, listOfTexts, name as nameKind, text } from '../option-kinds.ts'
import { shortKey } from '../short-text.ts'
import { absolutePath } from './absolute-path.ts'
import type {
  KeyWrite,
  LayerChange,
  Leaf,
  RemovalPermission,
  Source,
  SourceConnection,
  SourceContext,
} from './source.ts'
import { KnownLeaves } from './known-leaves.ts'
import { type FileContent, reasonOf } from './read-file.ts'
import { shellWord } from './shell-word.ts'
import { Variables } from './variables.ts'
import { WatchedFile } from './watched-file.ts'

/** Options of `env`. */
export interface EnvOptions {
  /** What the names of this application's variables start with, e.g. `CHECKOUT_`; the rest is the path. Must not be empty. */
  readonly prefix: string
  /**
   * Longer prefixes, each beginning with `prefix`, whose variables belong to other configurations: beside
   * `{ prefix: 'SHOP_', otherPrefixes: ['SHOP_PLATFORM_'] }`, `SHOP_PLATFORM_URL` is neither read nor reported as unused. Default none.
   */
  readonly otherPrefixes?: readonly string[] | undefined
  /**
   * Variables of other names, by the path in the schema that they stand for: `{ 'db.url': 'DATABASE_URL' }`, or a list of
   * names of which the first that is set counts. A variable that is named here stands for this path alone: with
   * `{ port: 'CHECKOUT_DB__URL' }`, `db.url` has no variable. The variable that the path itself has (`CHECKOUT_DB__URL`) wins over them.
   * A path that the schema does not have is refused by `load`. Default none.
   */
  readonly aliases?: Readonly<Record<string, string | readonly string[]>> | undefined
  /** A variable with an empty text counts as not set, also in dotenv files. Default false: an empty text is a value. */
  readonly emptyAsUnset?: boolean | undefined
  /**
   * Files in dotenv format, relative to the working directory at the time of `load`. Later ones win; missing ones count
   * as empty, also one that is deleted later. One that is emptied, or cannot be read, after loading leaves its last values
   * in service. Default none.
   */
  readonly dotenv?: readonly string[] | undefined
  /** Where the variables are; read once, when the configuration is loaded, and never written to. Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Read the dotenv files again when they change. Default true. */
  readonly watch?: boolean | undefined
  /** Name of the source in `status` and `explain`. Default `env`. */
  readonly name?: string | undefined
}

const OPTION_TABLE: OptionTable = {
  prefix: {
    expected:
      'text that is not empty: without a prefix, every variable of the process would be taken for configuration',
    test: text.test,
  },
  otherPrefixes: listOfTexts,
  aliases: {
    expected: "names of variables by path, such as { 'db.url': 'DATABASE_URL' }",
    test: (value) =>
      isObject(value) && Object.entries(value).every(([path, name]) => path !== '' && isAlias(name)),
  },
  emptyAsUnset: flag,
  dotenv: listOfTexts,
  environment: {
    expected: 'an object of variables, such as process.env',
    test: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  },
  watch: flag,
  name: nameKind,
}

function isAlias(given: unknown): boolean {
  return text.test(given) || (listOfTexts.test(given) && (given as unknown[]).length > 0)
}

/**
 * Environment variables and dotenv files: `CHECKOUT_DB__POOL__MAX` is `db.pool.max`, for the prefix `CHECKOUT_`. The
 * schema's names are written in upper case (the letters a to z) with `_` between words, and `__` between segments. The name of a record's entry
 * is the one that another layer has for it, however it is written there: `CHECKOUT_FEATURES__NEW_CHECKOUT` is
 * `features.newCheckout` if there is one, else `features.new_checkout`; a name with small letters stands for itself. A list
 * of scalars is written as JSON or with commas (`a,b`, `[::1]:80,db:81`); an item that is empty or in quotes as JSON alone.
 *
 * A variable of the process wins over every dotenv file, and a later dotenv file over an earlier one. An empty value is
 * a value unless `emptyAsUnset` is set. Of a variable that one file gives twice the last counts, as in a shell. `process.env` is never written to;
 * dotenv files are parsed by the package `dotenv`, without expansion.
 *
 * @throws LivetreeError `invalid_options` when `prefix` is empty, one of `otherPrefixes` does not begin with it, or an option is of the wrong type
 */
export function env(options: EnvOptions): Source {
  checkOptions('env()', options, OPTION_TABLE)
  const { prefix, dotenv = [], environment = process.env, watch = true, name = 'env' } = options
  if (prefix === undefined) {
    throw new LivetreeError(
      'invalid_options',
      'env() needs a prefix, such as env({ prefix: "CHECKOUT_" }): without one, every variable of the process would be taken for configuration.',
    )
  }
  const others = options.otherPrefixes ?? []
  const wrong = others.find((other) => !other.startsWith(prefix) || other === prefix)
  if (wrong !== undefined) {
    const expected = `longer prefixes that begin with ${JSON.stringify(prefix)}: those of other configurations`
    throw new LivetreeError(
      'invalid_options',
      `env() got ${JSON.stringify(wrong)} in otherPrefixes; expected ${expected}.`,
    )
  }
  const variables = new Variables(prefix, {
    aliases: options.aliases ?? {},
    otherPrefixes: others,
    takesEmpty: options.emptyAsUnset !== true,
  })

  return {
    name,
    layers: [...dotenv.map((path) => `dotenv:${path}`), name].flatMap((each) => variables.layersOf(each)),
    isRemote: false,
    // asked for by `load`, which is when the paths are resolved
    get removalCommand() {
      const paths = dotenv.map((path) => shellWord(absolutePath(path)))
      return paths.length === 0 ? undefined : `touch ${paths.join(' ')}`
    },
    open({ sink, clock, logger }: SourceContext): SourceConnection {
      const own = variables.leavesOf(environment)
      const fromFiles: (Leaf[][] | undefined)[] = dotenv.map(() => undefined)
      /** By file: why it cannot be read now. */
      const lost = new Map<number, LivetreeError>()
      let revision = 0
      const known = dotenv.map(() => new KnownLeaves())
      const replace = (allowRemoval: RemovalPermission = false) => {
        const layers = fromFiles.filter((leaves) => leaves !== undefined)
        // the first one waits for all files
        if (layers.length < dotenv.length) return
        sink.replace({ revision: ++revision, epoch: 0, layers: [...layers.flat(), ...own], allowRemoval })
        for (const error of lost.values()) sink.lost({ error, isFinal: true })
      }
      /** It is unknown what a file that cannot be read now has lost. */
      const readableLayers = () => {
        const isReadable = fromFiles.flatMap((layers, index) =>
          (layers ?? []).map(() => known[index]?.isReadable === true),
        )
        return [...isReadable.keys()].filter((layer) => isReadable[layer])
      }
      const lose = (index: number, reason: Error, isFinal: boolean) => {
        const message = `Cannot read ${dotenv[index]}: ${reasonOf(reason)}`
        const error = new LivetreeError('source_unavailable', message, { cause: reason })
        lost.set(index, error)
        sink.lost({ error, isFinal })
      }
      const files = dotenv.map((path, index) => {
        const onContent = async (content: FileContent) => {
          if (content.type === 'failed' || content.type === 'withheld') {
            lose(index, content.error, content.type === 'failed')
            return
          }
          const leaves =
            content.type === 'missing' ? variables.leavesOf({}) : await readDotenv(content.bytes, variables)
          known[index]?.take(leaves)
          fromFiles[index] = leaves
          lost.delete(index)
          replace()
        }
        const onTouched = () => {
          const own = known[index]
          if (own?.hasLost !== true) return
          own.allow()
          // each file that lost variables has to be touched: what one of them lost may be an accident
          if (!known.some(({ hasLost }) => hasLost)) replace(readableLayers())
        }
        return new WatchedFile(path, {
          clock,
          logger,
          watch,
          pollMs: 5_000,
          isMissingEmpty: true,
          onContent,
          onTouched,
        })
      })
      replace()
      return {
        async refresh() {
          await Promise.all(files.map((file) => file.refresh()))
          for (const error of lost.values()) throw error
        },
        patchOf: (writes) => ({ changes: writes.flatMap((write) => changesOf(write, variables)) }),
        close: async () => void (await Promise.all(files.map((file) => file.close()))),
      }
    },
  }
}

/** @throws LivetreeError `invalid_options` for a variable that is not read */
function changesOf(write: KeyWrite, variables: Variables): readonly LayerChange[] {
  const changes = variables.changesOf(write)
  if (changes.length > 0) return changes
  const what = `preview() got the variable ${shortKey(write.key)}, which this source does not read`
  const expected = 'one that begins with its prefix and with none of otherPrefixes, or an alias'
  throw new LivetreeError('invalid_options', `${what}; expected ${expected}.`)
}

async function readDotenv(bytes: Uint8Array, variables: Variables): Promise<Leaf[][]> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return variables.unreadable('the file is not UTF-8 text')
  }
  if (hasLongBlanks(text)) {
    const reason = 'more blank characters in a row than the parser goes over in a moment'
    return variables.unreadable(reason)
  }
  // loaded on first use, since most services in production have no such file
  const { parse } = await import('dotenv')
  return variables.leavesOf(parse(text))
}

/** Longer runs of blank characters are refused. */
const MAX_BLANK = 1_000
/**
 * The parser's pattern goes over a run of blank lines once for each of its lines. This many characters over all
 * runs take it some 100 ms.
 */
const MAX_STEPS = 20_000_000
const BLANK = /\s/
const LINE_END = /[\n\r\u2028\u2029]/

function hasLongBlanks(text: string): boolean {
  let length = 0
  let lineCount = 0
  let steps = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    // A space, or a character before it (line feeds, tabs), or a blank of another script.
    const isBlank = code <= 0x20 || (code >= 0x80 && BLANK.test(text.charAt(at)))
    if (isBlank && ++length > MAX_BLANK) return true
    if (isBlank && code !== 0x20 && LINE_END.test(text.charAt(at))) lineCount++
    if (isBlank && at < text.length - 1) continue
    steps += length * lineCount
    length = 0
    lineCount = 0
    if (steps > MAX_STEPS) return true
  }
  return false
}
