import type { HistoryEntry } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { isAlong, pathText } from '@livetree/core/tools'
import { EtcdError } from '@livetree/etcd'
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
  const top = knownPath(opened.definition, place)
  const tail = new Tail(opened)
  try {
    await assertHistoryReadable(session, opened)
    let since = await startOf(session, opened, tail)
    const what = place === '' ? '' : `${pathText(top)} in `
    if (!(await isHeld(session, opened, top)))
      session.note(`The store holds nothing at ${pathText(top)} now: this waits for it.`)
    session.note(
      `Watching ${what}${opened.store.prefixes.join(', ')} from revision ${since} on. Ctrl-C ends it.`,
    )
    session.deadline.pause()
    let shown = 0
    for (;;) {
      const until = await tail.next(since)
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
  } finally {
    tail.end()
  }
}

/** Fails at once, and not with the first change, where the user may not read by which record it is shown. */
async function assertHistoryReadable(session: Session, { admin }: OpenedTree): Promise<void> {
  for await (const _ of admin.history({ ...session.call, limit: 1, recordedOnly: true })) break
}

async function startOf(session: Session, { admin }: OpenedTree, tail: Tail): Promise<number> {
  try {
    return await tail.start(session)
  } catch (error) {
    // A reading that is refused names the role that opens it.
    if (error instanceof EtcdError && error.code === 'permission_denied') await admin.read(session.call)
    throw error
  }
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

/** The newest revision of some directories. */
class Tail {
  readonly #opened: OpenedTree
  readonly #ends: (() => void)[] = []
  #newest = 0
  #error: Error | undefined
  #wake: () => void = () => {}

  constructor(opened: OpenedTree) {
    this.#opened = opened
  }

  /** Watches from the newest revision on, which is returned. */
  async start(session: Session): Promise<number> {
    const { store } = this.#opened
    const { client, isOwned } = store.connect()
    if (isOwned) this.#ends.push(() => void client.close())
    const [first = '/'] = store.prefixes
    const { header } = await client.kv.getRange({
      prefix: first,
      limit: 1,
      keysOnly: true,
      ...session.call,
    })
    this.#newest = header.revision
    for (const prefix of store.prefixes) {
      const watcher = client.watch.subscribe(
        { prefix },
        {
          onEvents: ({ revision }) => {
            this.#newest = Math.max(this.#newest, revision)
            this.#wake()
          },
          onEnd: (error) => {
            this.#error = error ?? new EtcdError('closed')
            this.#wake()
          },
        },
        { afterRevision: header.revision },
      )
      this.#ends.push(() => watcher.cancel())
    }
    session.deadline.signal.addEventListener('abort', () => this.#wake(), { once: true })
    return header.revision
  }

  /** Waits for a revision after the one that is known. */
  async next(since: number): Promise<number> {
    while (this.#newest <= since) {
      if (this.#error !== undefined) throw this.#error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#newest
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end()
  }
}
