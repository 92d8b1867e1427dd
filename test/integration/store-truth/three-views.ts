import type { EtcdClient, SyncBatch, WatchBatch, Watcher } from '@livetree/etcd'
import { defineConfig, etcd, type LoadOptions } from 'livetree'
import { expect } from 'vitest'
import * as z from 'zod'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'

/** All that a tree holds, whatever it is. */
export const anything = defineConfig({
  name: 'anything',
  schema: z.object({ all: z.record(z.string(), z.string()).default({}) }),
  guard: false,
})

/** What the three readers of a store make of it: a watch, a sync and a configuration, all of `/t/all/`. */
export class ThreeViews implements AsyncDisposable {
  readonly client: EtcdClient
  readonly config: Awaited<ReturnType<typeof anything.load>>
  /** What the batches of the watch come to. */
  readonly watched = new Map<string, string>()
  readonly synced = new Map<string, string>()
  readonly batches: WatchBatch[] = []
  readonly syncBatches: SyncBatch[] = []
  watchEnd: string | undefined
  readonly watcher: Watcher

  private constructor(client: EtcdClient, config: ThreeViews['config'], afterRevision: number) {
    this.client = client
    this.config = config
    const range = { prefix: '/t/all/' }
    this.watcher = client.watch.subscribe(
      range,
      {
        onEvents: (batch) => {
          this.batches.push(batch)
          apply(this.watched, batch)
        },
        onEnd: (error) => {
          this.watchEnd = error?.code ?? 'cancelled'
        },
      },
      { afterRevision },
    )
    client.watch.sync(range, {
      onSnapshot: ({ kvs }) => {
        for (const { key, value } of kvs) this.synced.set(key.toString(), value.toString())
      },
      onEvents: (batch) => {
        this.syncBatches.push(batch)
        apply(this.synced, batch)
      },
    })
  }

  static async open(endpoints: readonly string[], options: Partial<LoadOptions> = {}): Promise<ThreeViews> {
    const client = connect(endpoints)
    const { header, entries } = await client.kv.getRange({ prefix: '/t/all/' })
    const config = await anything.load({ sources: [etcd({ client, root: '/t' })], ...options })
    const views = new ThreeViews(client, config, header.revision)
    for (const { key, text } of entries) views.watched.set(key, text)
    await waitFor(() => views.watcher.state === 'live' && views.synced.size === entries.length)
    return views
  }

  /** Epoch as the sync tells it. */
  get syncEpoch(): number {
    return this.syncBatches.at(-1)?.epoch ?? 0
  }

  get configured(): Map<string, string> {
    return new Map(Object.entries(this.config.current.all).map(([name, text]) => [`/t/all/${name}`, text]))
  }

  /** Waits until sync and config hold exactly this; and the watch, unless it has told that it cannot. */
  async expectToHold(store: ReadonlyMap<string, string>, what: string): Promise<void> {
    const wanted = sorted(store)
    const isSame = (view: ReadonlyMap<string, string>) => sorted(view) === wanted
    await waitFor(
      () =>
        isSame(this.synced) &&
        isSame(this.configured) &&
        (this.watchEnd !== undefined || isSame(this.watched)),
      { timeoutMs: 20_000, what: `${what}: all views to hold ${wanted.slice(0, 300)}` },
    ).catch((error: Error) => {
      const views = { watch: this.watched, sync: this.synced, config: this.configured }
      const wrong = Object.entries(views).map(([name, view]) => `${name}: ${sorted(view).slice(0, 300)}`)
      expect.fail(`${error.message}\n${wrong.join('\n')}\nwatch ended: ${this.watchEnd}`)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.config.close()
    await this.client.close()
  }
}

/** What a store holds below `/t/all/`. */
export async function held(client: EtcdClient): Promise<Map<string, string>> {
  const { entries } = await client.kv.getRange({ prefix: '/t/all/' })
  return new Map(entries.map(({ key, text }) => [key, text]))
}

function apply(view: Map<string, string>, { events }: WatchBatch): void {
  for (const { type, key, text } of events) {
    if (type === 'put') view.set(key, text)
    else view.delete(key)
  }
}

function sorted(view: ReadonlyMap<string, string>): string {
  return JSON.stringify([...view].sort(([a], [b]) => (a < b ? -1 : 1)))
}
