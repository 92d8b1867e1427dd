import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import type { KeyRange } from '@livetree/etcd'
import { AdminError } from '../errors.ts'
import { newestRevision } from '../history/newest-revision.ts'
import { translatedNow, translateError } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { AwaitedNews } from './awaited-news.ts'
import { CALL_TABLE } from '../option-tables.ts'
import { readingLayers } from './tree-state.ts'

/** Options of `Admin.revisions`. */
export interface RevisionsOptions extends CallOptions {
  /**
   * Called with false when the contact with the store is lost, and with true when it is back and nothing was missed; not at first.
   * What it throws ends the iteration.
   */
  readonly onContact?: ((isThere: boolean) => void) | undefined
}

const OPTION_TABLE: OptionTable = { ...CALL_TABLE, onContact: optionKinds.callback }

/** The revisions that write to the layers; see `Admin.revisions`. */
export async function* followRevisions(
  workspace: Workspace,
  options: RevisionsOptions,
): AsyncGenerator<number, undefined> {
  translatedNow(() => checkOptions('revisions()', options, OPTION_TABLE))
  const { revision, clusterId } = await newestRevision(workspace, workspace.limit(options))
  const newest = new NewestRevision(revision, options.signal)
  const stop = new AbortController()
  const doing = readingLayers(workspace, 'watching the layers')
  const watchOptions = {
    afterRevision: revision,
    signal: stop.signal,
    ...(clusterId !== 0n && { clusterId }),
  }
  try {
    const contact = new Contact((isThere) => {
      try {
        options.onContact?.(isThere)
      } catch (error) {
        newest.fail(error as Error)
      }
    })
    for (const range of rangesOf(workspace))
      translatedNow(() =>
        workspace.client.watch.subscribe(
          range,
          {
            onEvents: (batch) => newest.reach(batch.revision),
            onDisconnected: () => contact.lost(range),
            // What is lost before it was there is created afterwards.
            onCreated: () => contact.found(range),
            onResumed: () => contact.found(range),
            onEnd: (error) =>
              newest.fail(error === undefined ? new AdminError('closed') : translateError(error, doing)),
          },
          watchOptions,
        ),
      )
    let given = revision
    yield given
    for (;;) {
      given = await newest.after(given)
      yield given
    }
  } finally {
    stop.abort()
    newest.end()
  }
}

/** The directories of the layers, and the documents of whole overlays beside them. */
function rangesOf({ settings }: Workspace): readonly KeyRange[] {
  const { prefixes, documentKeys } = settings.store
  return [...prefixes.map((prefix) => ({ prefix })), ...documentKeys.map((key) => ({ key }))]
}

/** Whether all ranges are watched. */
class Contact {
  readonly #onChange: (isThere: boolean) => void
  readonly #lost = new Set<KeyRange>()

  constructor(onChange: (isThere: boolean) => void) {
    this.#onChange = onChange
  }

  lost(range: KeyRange): void {
    this.#lost.add(range)
    if (this.#lost.size === 1) this.#onChange(false)
  }

  found(range: KeyRange): void {
    if (this.#lost.delete(range) && this.#lost.size === 0) this.#onChange(true)
  }
}

/** The newest revision that is known, and who waits for one after it. */
class NewestRevision extends AwaitedNews {
  #revision: number

  constructor(revision: number, signal: AbortSignal | undefined) {
    super('Aborted while watching the layers', signal)
    this.#revision = revision
  }

  reach(revision: number): void {
    this.#revision = Math.max(this.#revision, revision)
    this.wake()
  }

  /** Waits for a revision after one. @throws AdminError */
  async after(revision: number): Promise<number> {
    await this.until(() => this.#revision > revision)
    return this.#revision
  }
}
