import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type {
  ConfigHistory,
  History,
  StoreHistory,
  WatchHistory,
  WatchRecord,
  WriteRecord,
} from '../history.ts'

/**
 * One line of a stored history. A delivery that several watchers were given stands once, as `shared`; watchers name it
 * by its number.
 */
type Line =
  | { readonly epoch: Omit<StoreHistory, 'revisions'> }
  | { readonly revision: StoreHistory['revisions'][number] }
  | { readonly write: WriteRecord }
  | { readonly shared: WatchRecord }
  | { readonly watch: Omit<WatchHistory, 'records'> }
  | { readonly given: number | WatchRecord }
  | { readonly config: Omit<ConfigHistory, 'records'> }
  | { readonly told: ConfigHistory['records'][number] }

/** A history as lines of JSON, without line ends. */
export function* toLines(history: History): Generator<string> {
  for (const line of linesOf(history)) yield JSON.stringify(line)
}

function* linesOf({ epochs, writes, watches, configs }: History): Generator<Line> {
  for (const { revisions, ...epoch } of epochs) {
    yield { epoch }
    for (const revision of revisions) yield { revision }
  }
  for (const write of writes) yield { write }
  const numbers = new Map<WatchRecord, number>()
  for (const { records, ...watch } of watches) {
    const own = records.filter((record) => record.type === 'events' && !numbers.has(record))
    for (const shared of own) {
      if (numbers.has(shared)) continue
      numbers.set(shared, numbers.size)
      yield { shared }
    }
    yield { watch }
    for (const record of records) yield { given: numbers.get(record) ?? record }
  }
  for (const { records, ...config } of configs) {
    yield { config }
    for (const told of records) yield { told }
  }
}

/** The history of `toLines`. What was shared is shared again. Throws `SyntaxError` for a line that is no JSON. */
export const fromLines = async (lines: Iterable<string> | AsyncIterable<string>): Promise<History> => {
  const epochs: (StoreHistory & { revisions: StoreHistory['revisions'][number][] })[] = []
  const writes: WriteRecord[] = []
  const watches: (WatchHistory & { records: WatchRecord[] })[] = []
  const configs: (ConfigHistory & { records: ConfigHistory['records'][number][] })[] = []
  const shared: WatchRecord[] = []
  for await (const text of lines) {
    const line = JSON.parse(text) as Line
    if ('epoch' in line) epochs.push({ ...line.epoch, revisions: [] })
    else if ('revision' in line) epochs.at(-1)!.revisions.push(line.revision)
    else if ('write' in line) writes.push(line.write)
    else if ('shared' in line) shared.push(line.shared)
    else if ('watch' in line) watches.push({ ...line.watch, records: [] })
    else if ('given' in line)
      watches.at(-1)!.records.push(typeof line.given === 'number' ? shared[line.given]! : line.given)
    else if ('config' in line) configs.push({ ...line.config, records: [] })
    else configs.at(-1)!.records.push(line.told)
  }
  return { epochs, writes, watches, configs }
}

/** Keeps a history in a file, to be judged again. */
export const saveHistory = async (history: History, path: string): Promise<void> => {
  const lines = function* () {
    for (const line of toLines(history)) yield `${line}\n`
  }
  await pipeline(Readable.from(lines()), createWriteStream(path))
}

/** Reads what `saveHistory` kept. */
export const loadHistory = (path: string): Promise<History> =>
  fromLines(createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY }))
