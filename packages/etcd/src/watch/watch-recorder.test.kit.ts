import type { KeyRange } from '../key-range.ts'
import type { Init } from '../wire/message.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { ManualClock, ScriptedChannel, type ScriptedStream } from './scripted-channel.test.kit.ts'
import type { WatchBatch, WatchHandlers } from './watch-handlers.ts'
import type { WatchOptions } from './watch-options.ts'
import { createWatchService, type WatchServiceOptions } from './watch-service.ts'

/** A header of cluster 7, term 2. */
export const header = (revision: number, clusterId = 7n, raftTerm = 2) => ({
  clusterId,
  memberId: 1n,
  revision,
  raftTerm,
})

/** A put of `key`, as the server sends it. */
export const put = (key: string, modRevision: number, value = `v${modRevision}`) => ({
  type: 0,
  kv: { key, value, modRevision, createRevision: modRevision, version: 1 },
})

/** A delete of `key`. */
export const del = (key: string, modRevision: number) => ({ type: 1, kv: { key, modRevision } })

/** `+a` for a put, `-a` for a delete. */
export const textOf = (batch: WatchBatch): string =>
  `${batch.revision}: ${batch.events.map((event) => (event.type === 'put' ? '+' : '-') + event.kv.key).join(' ')}`

/** A service on a scripted channel, and what its watches told. */
export const setUp = (options: WatchServiceOptions = {}, endpoints?: readonly string[]) => {
  const clock = new ManualClock()
  const channel = new ScriptedChannel(endpoints)
  const errors: unknown[] = []
  const nothing = () => undefined
  const logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (...args: unknown[]) => errors.push(args),
  }
  const service = createWatchService(channel, { clock, logger, ...options })

  const watch = (range: KeyRange, given: WatchOptions = {}, more: Partial<WatchHandlers> = {}) => {
    const told: string[] = []
    const changes: string[] = []
    const say = (word: string) => told.push(word)
    const watcher = service.subscribe(
      range,
      {
        onEvents(batch) {
          say(textOf(batch))
          changes.push(textOf(batch))
          more.onEvents?.(batch)
        },
        onProgress: ({ revision, isExact }) => say(`progress ${revision}${isExact ? '' : ' claimed'}`),
        onCreated: ({ position }) => say(`created at ${position}`),
        onResumed: ({ position }) => say(`resumed at ${position}`),
        onDisconnected: ({ error }) => say(`disconnected ${error?.code ?? 'OK'}`),
        onCompacted: ({ compactRevision, position }) => say(`compacted ${compactRevision} at ${position}`),
        onClusterChanged: ({ reason }) => say(`cluster changed ${reason}`),
        onEnd: (error) => say(`end ${error?.code ?? 'OK'}`),
      },
      given,
    )
    return {
      watcher,
      told,
      /** Only the changes. */
      changes,
    }
  }

  /** Answers the create that is waiting on the last stream. */
  const created = (revision: number, watchId = 0, more: Init<WatchResponse> = {}) =>
    channel.lastStream.answer({ header: header(revision), watchId, created: true, ...more })

  /** Sends events of one answer on the last stream. */
  const events = (revision: number, list: Init<WatchResponse>['events'], more: Init<WatchResponse> = {}) =>
    channel.lastStream.answer({ header: header(revision), watchId: 0, events: list, ...more })

  const progress = (revision: number, watchId = -1) =>
    channel.lastStream.answer({ header: header(revision), watchId })

  /** Ends the last stream and goes to the next one. */
  const reconnect = (): ScriptedStream => {
    const before = channel.streams.length
    channel.lastStream.end()
    clock.advance(1_000)
    if (channel.streams.length === before) throw new Error('no new stream was opened')
    return channel.lastStream
  }

  /** The create that is waiting on the last stream. */
  const lastCreate = () => channel.lastStream.creates.at(-1)

  return { clock, channel, service, errors, watch, created, events, progress, reconnect, lastCreate }
}
