import type { HistoryChange, HistoryEntry } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { openTree, type OpenedTree } from '../connect/open-tree.ts'
import type { Path } from '@livetree/core'
import { aboveItems, isAlong, parsePathText, SECRET_TEXT } from '@livetree/core/tools'
import { CliError } from '../errors/cli-error.ts'
import { safeText, shortKey, shownText } from '../output/safe-text.ts'
import type { Style } from '../output/style.ts'
import { linesText, signOf } from '../output/words.ts'
import type { Session } from '../session.ts'
import { chosenLayer } from './choose-layer.ts'

/** `livetree history [PATH]`: the newest first. */
export async function history(
  session: Session,
  [place]: readonly [place?: string],
  options: {
    readonly overlay?: string | undefined
    readonly since?: number | undefined
    readonly limit: number
    readonly recordedOnly?: boolean | undefined
    readonly id?: string | undefined
  },
): Promise<Outcome> {
  const opened = await openTree(session)
  const { since, limit, recordedOnly = false, id } = options
  if (id !== undefined) return shown([await writeWithId(session, opened, id)], [], session)
  const entries: HistoryEntry[] = []
  const found = opened.admin.history({
    ...session.call,
    ...chosenLayer(opened, options, false),
    ...(place !== undefined && place !== '' && { path: place }),
    ...(since !== undefined && { since }),
    limit,
    recordedOnly,
  })
  for await (const entry of found) entries.push(entry)
  if (entries.length === 0) session.noteAtEnd('Nothing was written there, as far as the history goes back.')
  const path = parsePathText(place ?? '')
  const { definition } = opened
  return shown(entries, definition === undefined ? path : aboveItems(definition, path), session)
}

function shown(entries: readonly HistoryEntry[], place: Path, { style }: Session): Outcome {
  const text = () => entries.map((entry) => entryText(entry, place, style)).join('\n')
  return { result: { data: entries.map(entryData), text } }
}

/** @throws CliError 3 if nothing was written under the id */
async function writeWithId(session: Session, { admin }: OpenedTree, id: string): Promise<HistoryEntry> {
  const found = await admin.find(id, session.call)
  if (found !== undefined) return found
  throw new CliError(3, `No write has the id ${id}: it was not written, or its record is pruned`, {
    code: 'not_found',
    remedy: '`livetree history` shows what was written.',
  })
}

/** A write as data. */
export function entryData(entry: HistoryEntry): Readonly<Record<string, unknown>> {
  const changes = entry.changes.map(({ layer, key, pathText, before, after }) => ({
    path: pathText,
    layer,
    key,
    before: before ?? null,
    after: after ?? null,
  }))
  if (entry.type === 'unrecorded') return { type: entry.type, revision: entry.revision, changes }
  if (entry.type !== 'recorded') return { ...entry, changes }
  const { type, revision, id, kind, author, at, message, to, isForced, allowsRemoval } = entry
  return {
    type,
    revision,
    id,
    kind,
    author,
    at: at.toISOString(),
    message: message ?? null,
    to: to ?? null,
    isForced,
    allowsRemoval,
    changes,
  }
}

/** A write for people: a line that says who, when and why, and a line for each change. */
function entryText(entry: HistoryEntry, place: Path, style: Style): string {
  const head =
    entry.type !== 'recorded'
      ? writerWithoutRecord(entry)
      : [
          entry.at.toISOString().slice(0, 19).replace('T', ' '),
          safeText(entry.author),
          entry.kind === 'change' ? '' : entry.to === undefined ? entry.kind : `${entry.kind} to ${entry.to}`,
          entry.message === undefined ? '' : safeText(entry.message),
          entry.isForced ? style('bad', 'forced') : '',
        ]
          .filter((part) => part !== '')
          .join('  ')
  const shown = entry.changes.filter(({ path }) => isAlong(path, place)).slice(0, 50)
  const lines = shown.map((change) => `    ${changeText(change, style)}`)
  const more = entry.changes.length - shown.length
  const rest = more > 0 ? [style('dim', `    and ${more} more in this write`)] : []
  return linesText([`${style('strong', String(entry.revision))}  ${head}`, ...lines, ...rest])
}

/** Who wrote, where no record says it. */
export function writerWithoutRecord(entry: Exclude<HistoryEntry, { type: 'recorded' }>): string {
  if (entry.type === 'newer') return 'by a newer version of livetree: its record cannot be read here'
  return entry.type === 'unreadable'
    ? 'by an admin: its record is damaged'
    : 'by another tool, or its record is pruned'
}

/** One change on a line: its sign, the path, both texts, the layer. */
export function changeText({ pathText, layer, before, after }: HistoryChange, style: Style): string {
  const type = after === undefined ? 'removed' : before === undefined ? 'added' : 'changed'
  const texts = [before, after].flatMap((text) => (text === undefined ? [] : [textOf(text)])).join(' → ')
  return `${signOf(type, style)} ${shortKey(pathText)}  ${texts}  ${style('dim', safeText(layer))}`
}

function textOf({ text, isHidden, bytes }: NonNullable<HistoryChange['before']>): string {
  if (isHidden === true) return SECRET_TEXT
  return text === undefined ? `(${bytes ?? '?'} bytes)` : shownText(text)
}
