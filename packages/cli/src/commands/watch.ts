import type { HistoryEntry } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { aboveItems, isAlong, pathText } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { openTree, type OpenedTree } from '../connect/open-tree.ts'
import { written } from '../output/io.ts'
import { safeJson, safeText } from '../output/safe-text.ts'
import type { Session } from '../session.ts'
import { changeText, entryData, writerWithoutRecord } from './history.ts'
import { knownPath } from './known-path.ts'

/** `livetree watch [PATH]`: one line, or one JSON object, a change, until it is interrupted. */
export async function watch(
  session: Session,
  [place = '']: readonly [place?: string],
  options: { readonly limit?: number | undefined },
): Promise<Outcome> {
  const opened = await openTree(session)
  const { definition } = opened
  const known = knownPath(definition, place)
  // An index is no name of a key: the whole list is watched.
  const top = definition === undefined ? known : aboveItems(definition, known)
  await assertHistoryReadable(session, opened)
  let since: number | undefined
  let shown = 0
  for await (const until of opened.admin.revisions(session.call)) {
    if (since === undefined) {
      await begin(session, opened, top, until)
      since = until
      continue
    }
    const entries: HistoryEntry[] = []
    const path = top.length === 0 ? {} : { path: top }
    const call = { ...session.call, ...path, timeoutMs: session.options.timeoutMs, since, limit: 10_000 }
    for await (const entry of opened.admin.history(call)) entries.push(entry)
    for (const entry of entries.reverse()) {
      const changes = entry.changes.filter(({ path: at }) => isAlong(at, top))
      await show(session, { ...entry, changes })
      shown += changes.length
      if (options.limit !== undefined && shown >= options.limit) return {}
    }
    since = Math.max(until, ...entries.map(({ revision }) => revision))
  }
  return {}
}

/** Says what is watched from which revision on. The time of the command stands still from then on. */
async function begin(session: Session, opened: OpenedTree, top: Path, since: number): Promise<void> {
  const what = top.length === 0 ? '' : `${pathText(top)} in `
  if (!(await isHeld(session, opened, top)))
    session.note(`The store holds nothing at ${pathText(top)} now: this waits for it.`)
  session.note(
    `Watching ${what}${opened.store.prefixes.join(', ')} from revision ${since} on. Ctrl-C ends it.`,
  )
  session.deadline.pause()
}

/** Fails at once, and not with the first change, where the user may not read by which record it is shown. */
async function assertHistoryReadable(session: Session, { admin }: OpenedTree): Promise<void> {
  for await (const _ of admin.history({ ...session.call, limit: 1, recordedOnly: true })) break
}

/** Whether the store holds something at, below or above a path, such as a document. */
async function isHeld(session: Session, { admin }: OpenedTree, top: Path): Promise<boolean> {
  if (top.length === 0) return true
  const tree = await admin.read(session.call)
  return tree.entries().some(({ path }) => isAlong(path, top))
}

async function show(session: Session, entry: HistoryEntry): Promise<void> {
  const { changes, ...about } = entryData(entry)
  const isData = session.options.output !== 'table'
  const who =
    entry.type === 'recorded'
      ? `${entry.author}${entry.message === undefined ? '' : `: ${entry.message}`}`
      : writerWithoutRecord(entry).slice('by '.length)
  const lines = isData
    ? (changes as readonly object[]).map((change) => safeJson(JSON.stringify({ ...about, ...change })))
    : entry.changes.map(
        (change) =>
          `${session.style('strong', String(entry.revision))}  ${changeText(change, session.style)}  ${session.style('dim', safeText(`(${who})`))}`,
      )
  for (const line of lines) await written(session.io.stdout, `${line}\n`)
}
