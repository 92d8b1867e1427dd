import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkArguments, checkOptions, type OptionTable } from '../check-options.ts'
import { LivetreeError } from '../errors.ts'
import { flag, isObject, listOfTexts, milliseconds, name as nameKind, oneOf, text } from '../option-kinds.ts'
import { absolutePath } from './absolute-path.ts'
import { expandVariables } from './expand-variables.ts'
import { YamlProblem } from './compose-yaml.ts'
import { entriesOf, flatten } from './flatten.ts'
import { KnownLeaves } from './known-leaves.ts'
import { nestedChanges, type WrittenForm } from './nested-writes.ts'
import { type DocumentFormat, parseDocument } from './parse-document.ts'
import { shellWord } from './shell-word.ts'
import {
  type LayerInfo,
  type Leaf,
  type Source,
  type SourceConnection,
  type SourceContext,
  Unreadable,
} from './source.ts'
import { type FileContent, reasonOf } from './read-file.ts'
import { isFilled, WatchedFile } from './watched-file.ts'
import { countingValue, DocumentStack, MAX_DOCUMENTS } from './yaml-profiles.ts'

/** Options of `file`. */
export interface FileOptions {
  /**
   * `json`, `jsonc` (with comments, and commas after the last item), `yaml` or `toml`. Default: by the extension, `.json`,
   * `.jsonc`, `.yaml`, `.yml` or `.toml`.
   */
  readonly format?: DocumentFormat | undefined
  /**
   * Names of profiles, for a YAML file of several documents: those without a `profile` at their top count always, and those
   * with one, or a list of them, where it is named here. Later documents win, leaf by leaf, as the same documents in files of
   * their own would; `[]` names none. `profile` is no value then; with `expand`, it is compared with its variables put
   * in. A name that YAML reads as a number or boolean (`2024`, `true`) is compared as it is written. At most 100 documents. Default: the file has one document.
   */
  readonly profile?: string | readonly string[] | undefined
  /**
   * Replaces `${VAR}` and `${VAR:-default}` in texts (not in names) by variables: of `process.env`, or those given, as they
   * are when the configuration is loaded. Whoever writes the file can read them. A variable that is not set and has no default makes the tree invalid (it is
   * named, but for a value that may be secret), and so do texts of more than 16 million characters in all; `$${` stands for
   * `${`. What is put in is text: a list is written `["${A}", "${B}"]`, with the quotes, or the variable holds JSON. Default false.
   */
  readonly expand?: boolean | Readonly<Record<string, string | undefined>> | undefined
  /** A missing file counts as an empty one, also one that is deleted later; so does one that is empty at the start. Default false: without the file the configuration does not load. */
  readonly optional?: boolean | undefined
  /** Read again when the file changes. Default true. */
  readonly watch?: boolean | undefined
  /** Interval of extra reads in milliseconds, for file systems that send no events. Default 5,000; 0 turns it off. */
  readonly pollMs?: number | undefined
  /** Name of the source in `status` and `explain`. Default `file:<path>`. */
  readonly name?: string | undefined
}

const filePath = {
  expected: 'the path of a file, or a file: URL',
  test: (path: unknown) => (text.test(path) && !String(path).startsWith('file:')) || isFileUrl(path),
}
const OPTION_TABLE: OptionTable = {
  format: oneOf('json', 'jsonc', 'yaml', 'toml'),
  profile: {
    expected: 'the name of a profile, or a list of names',
    test: (given) => text.test(given) || listOfTexts.test(given),
  },
  expand: {
    expected: 'true, false, or an object of variables',
    test: (given) => flag.test(given) || isObject(given),
  },
  optional: flag,
  watch: flag,
  pollMs: milliseconds,
  name: nameKind,
}

function isFileUrl(given: unknown): given is URL {
  return given instanceof URL && given.protocol === 'file:'
}

/**
 * A JSON, YAML (1.2 with merge keys) or TOML file, read again when it changes: in place, by an editor's rename, or behind
 * a swapped link as Kubernetes mounts it. The schema reads numbers, booleans, dates and times from the text in the file: a
 * `z.string()` gets `1.10` unchanged, in each format.
 *
 * - A file that cannot be parsed makes the tree invalid, so the update is rejected like one with a bad value.
 * - A change is applied when the file has not changed for a quarter of a second. A file that changes all the time, or whose
 *   reading does not end, is reported after two seconds.
 * - A file that disappears after loading, or becomes empty, keeps its last values (a missing `optional` file counts as
 *   empty). To remove everything, write `{}`.
 * - A file that is missing at the start, and is not optional, makes `load` reject; `startup.onUnavailable` is for stores.
 * - A change that removes most of a file is rejected while the process runs, until the leaves are back or the removal is
 *   confirmed: touch the file, or write the same content again in place. For a deleted `optional` file, `touch` makes an
 *   empty one.
 * - A pipe (`/dev/stdin`, `<(sops -d secrets.yaml)`) is read once, to its end, until a file replaces it at the path.
 * - Sockets, terminals (as `/dev/stdin` may be) and files larger than 16 MB are refused.
 *
 * @param place relative to the working directory at the time of `load`, or a `file:` URL, such as
 *   `new URL('./defaults.yaml', import.meta.url)`
 * @throws LivetreeError `invalid_options` when the format is neither given nor known from the extension, or `profile` is given
 *   for a file that is not YAML
 */
export function file(place: string | URL, options: FileOptions = {}): Source {
  checkArguments('file()', { path: place }, { path: filePath })
  checkOptions('file()', options, OPTION_TABLE)
  const path = typeof place === 'string' ? place : fileURLToPath(place)
  const format = options.format ?? formatOf(path)
  const profiles = options.profile === undefined ? undefined : [options.profile].flat()
  if (profiles !== undefined && format !== 'yaml') {
    const what = `file() got a profile for ${path}, which is ${format.toUpperCase()}`
    throw new LivetreeError('invalid_options', `${what}: only YAML files have several documents.`)
  }
  const isOptional = options.optional ?? false
  const name = options.name ?? `file:${path}`
  const watch = options.watch ?? true
  const pollMs = options.pollMs ?? 5_000
  const layers = layersOf(name, path, profiles === undefined ? 1 : MAX_DOCUMENTS)
  const none = layers.map((): Leaf[] => [])

  return {
    name,
    layers,
    isRemote: false,
    // asked for by `load`, which is when the path is resolved
    get removalCommand() {
      return `touch ${shellWord(absolutePath(path))}`
    },
    open({ sink, clock, logger }: SourceContext): SourceConnection {
      const { expand = false } = options
      const environment = expand === true ? { ...process.env } : expand
      const expanded = (value: unknown) =>
        environment === false ? value : expandVariables(value, environment)
      const choice = profiles && { names: profiles, read: expanded }
      let revision = 0
      let lost: LivetreeError | undefined
      let held: Leaf[][] = none
      let stack = new DocumentStack([])
      const known = new KnownLeaves()
      const replace = (layers: Leaf[][], allowRemoval: boolean) => {
        lost = undefined
        held = layers
        known.take(layers)
        if (allowRemoval) known.allow()
        sink.replace({ revision: ++revision, epoch: 0, layers, allowRemoval })
      }
      const lose = (error: Error, isFinal: boolean) => {
        lost = new LivetreeError('source_unavailable', `Cannot read ${path}: ${reasonOf(error)}`, {
          cause: error,
        })
        sink.lost({ error: lost, isFinal })
      }
      const take = (parsed: unknown) => {
        stack = parsed instanceof DocumentStack ? parsed : new DocumentStack([parsed])
        const document = expanded(parsed)
        const read = none.map((_, index) => leavesOf(documentAt(document, index)))
        replace(read, false)
      }
      const onContent = async (content: FileContent) => {
        // one that stays empty where it may be missing is as good as missing, also when the process starts again
        if (isOptional && (content.type === 'missing' || (content.type === 'bytes' && !isFilled(content))))
          take(new DocumentStack([]))
        else if (content.type === 'bytes')
          take(await parseDocument(content.bytes, format, choice, environment !== false))
        else lose(content.error, content.type !== 'withheld')
      }
      const onTouched = () => {
        if (known.hasLost) replace(held, true)
      }
      const watched = new WatchedFile(path, {
        clock,
        logger,
        watch,
        pollMs,
        isMissingEmpty: isOptional,
        onContent,
        onTouched,
      })
      return {
        async refresh() {
          await watched.refresh()
          if (lost !== undefined) throw lost
        },
        patchOf: (writes, staged) => {
          const form = choice && writtenForm(choice.names, (layer) => expanded(stack.written[layer]))
          return { changes: nestedChanges(writes, staged(), expanded, form) }
        },
        close: () => watched.close(),
      }
    },
  }
}

const FORMATS: Readonly<Partial<Record<string, DocumentFormat>>> = {
  '.json': 'json',
  '.jsonc': 'jsonc',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.toml': 'toml',
}

function formatOf(path: string): DocumentFormat {
  const extension = extname(path).toLowerCase()
  const format = FORMATS[extension]
  if (format !== undefined) return format
  throw new LivetreeError(
    'invalid_options',
    `Cannot tell the format of ${path} by its extension: give { format: 'json' }, 'jsonc', 'yaml' or 'toml'.`,
  )
}

/** One layer for each document that the file may have; the keys of all but the first say which document they are in. */
function layersOf(name: string, path: string, count: number): LayerInfo[] {
  return Array.from({ length: count }, (_, index) => {
    const place = index === 0 ? path : `${path} (document ${index + 1})`
    return {
      name,
      keyPrefix: `${place}#/`,
      separator: '/',
      naming: 'stored',
      isNested: true,
      mayBeMissing: index > 0,
    }
  })
}

function documentAt(parsed: unknown, index: number): unknown {
  if (parsed instanceof DocumentStack) return parsed.documents[index]
  return index === 0 ? parsed : undefined
}

/** How documents with profiles are read: see `DocumentStack`. */
function writtenForm(names: readonly string[], writtenIn: WrittenForm['writtenIn']): WrittenForm {
  // the variables are put in already
  const choice = { names, read: (profile: unknown) => profile }
  return {
    writtenIn,
    countingIn(document) {
      const entries = entriesOf(document)
      const value = entries === undefined ? document : new Map(entries)
      try {
        return value instanceof Unreadable
          ? value
          : countingValue({ value: value ?? null, offset: undefined }, choice)
      } catch (error) {
        if (!(error instanceof YamlProblem)) throw error
        const what = `preview() got ${error.message}, with which the file could not be read`
        throw new LivetreeError('invalid_options', `${what}. Give the name of a profile, or a list of names.`)
      }
    },
  }
}

function leavesOf(value: unknown): Leaf[] {
  if (value === undefined) return []
  return value instanceof Unreadable ? [{ path: '', value, revision: 0 }] : flatten(value)
}
