import {
  createEtcdClient,
  type EtcdClient,
  type EtcdClientOptions,
  type KeyRange,
  type WatchBatch,
  type Watcher,
  type WatchOptions,
} from '@livetree/etcd'
import { expect, onTestFinished } from 'vitest'
import type { EtcdServer } from '../../support/start-etcd.ts'

/** Fast enough that a test does not wait, slow enough that a busy machine is not taken for a dead server. */
export const quickWatch = { progressIntervalMs: 200, progressGraceMs: 2_000, openTimeoutMs: 3_000 }

/** A client that is closed after the test that calls this. */
export const connect = (
  endpoints: string | readonly string[],
  options: Omit<EtcdClientOptions, 'endpoints'> = {},
): EtcdClient => {
  const client = createEtcdClient({
    endpoints,
    watch: quickWatch,
    timeouts: { connectMs: 1_000 },
    backoff: { minMs: 5, maxMs: 100 },
    ...options,
  })
  onTestFinished(() => client.close())
  return client
}

/** What one watch was given, held against what the store was given. */
export class Recording {
  readonly watcher: Watcher
  readonly batches: WatchBatch[] = []
  readonly progress: { readonly revision: number; readonly isExact: boolean; readonly delivered: number }[] =
    []
  /** Everything but changes and progress, in words. */
  readonly told: string[] = []
  /** URL of the member that serves it. */
  endpoint = ''
  /** Runs at every call, after it is recorded. */
  onTold: (word: string) => void = () => undefined

  constructor(client: EtcdClient, range: KeyRange, options: WatchOptions = {}) {
    const say = (word: string) => {
      this.told.push(word)
      this.onTold(word)
    }
    this.watcher = client.watch.subscribe(
      range,
      {
        onEvents: (batch) => {
          this.batches.push(batch)
          this.onTold('events')
        },
        onProgress: ({ revision, isExact }) => {
          this.progress.push({ revision, isExact, delivered: this.last })
          this.onTold('progress')
        },
        onCreated: ({ endpoint }) => {
          this.endpoint = endpoint
          say('created')
        },
        onResumed: ({ endpoint }) => {
          this.endpoint = endpoint
          say('resumed')
        },
        onDisconnected: () => say('disconnected'),
        onCompacted: ({ compactRevision, position }) => say(`compacted ${compactRevision} at ${position}`),
        onClusterChanged: ({ reason }) => say(`cluster changed ${reason}`),
        onEnd: (error) => say(`end ${error?.code ?? 'OK'}`),
      },
      options,
    )
  }

  get revisions(): number[] {
    return this.batches.map(({ revision }) => revision)
  }

  /** The last revision delivered. */
  get last(): number {
    return this.batches.at(-1)?.revision ?? 0
  }

  /** True once a server has accepted it: on a busy machine a stream or two may have been given up before. */
  get isCreated(): boolean {
    return this.told.includes('created')
  }

  /** How often it was disconnected so far. */
  get disconnections(): number {
    return this.told.filter((word) => word === 'disconnected').length
  }

  get hasEnded(): boolean {
    return this.told.some((word) => word.startsWith('end'))
  }

  /** `+key=value` and `-key`, one string per revision. */
  get changes(): string[] {
    return this.batches.map(({ events }) =>
      events.map(({ type, key, text }) => (type === 'put' ? `+${key}=${text}` : `-${key}`)).join(' '),
    )
  }

  /** Every revision once, in order, none left out, and no word of progress before the changes it speaks of. */
  expectExactly(revisions: readonly number[]): void {
    expect(this.revisions.length).toBe(revisions.length)
    expect(this.revisions).toEqual(revisions)
    const early = this.progress.filter((word) =>
      revisions.some((revision) => revision > word.delivered && revision <= word.revision),
    )
    expect(early).toEqual([])
  }
}

/** Puts `count` values under one key, many at a time, and returns their revisions in order. */
export const putMany = async (
  client: EtcdClient,
  key: string,
  count: number,
  value: string | Uint8Array = 'v',
): Promise<number[]> => {
  const revisions: number[] = []
  let left = count
  const work = async () => {
    while (left > 0) {
      left -= 1
      revisions.push((await client.kv.put(key, value)).header.revision)
    }
  }
  await Promise.all(Array.from({ length: value.length > 100_000 ? 4 : 32 }, work))
  return revisions.sort((a, b) => a - b)
}

/** One of the server's own figures. */
export const metric = async (server: EtcdServer, name: string): Promise<number> => {
  const text = await (await fetch(`${server.endpoint}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  if (line === undefined) throw new Error(`the server has no metric ${name}`)
  return Number(line.slice(name.length + 1))
}
