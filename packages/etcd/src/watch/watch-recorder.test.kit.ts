import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { KeyValue, RangeRequest, TxnRequest } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import type { Event, WatchResponse } from '../wire/watch.ts'
import { ManualClock, ScriptedChannel, type ScriptedStream, settled } from './scripted-channel.test.kit.ts'
import type { WatchBatch, WatchHandlers } from './watch-handlers.ts'
import type { WatchOptions } from './watch-options.ts'
import { createWatchService, type WatchServiceOptions } from './watch-service.ts'

/** A header of cluster 7, term 2. */
export function header(revision: number, clusterId = 7n, raftTerm = 2) {
  return {
    clusterId,
    memberId: 1n,
    revision,
    raftTerm,
  }
}

/** A put of `key`, as the server sends it. */
export function put(key: string, modRevision: number, value = `v${modRevision}`) {
  return {
    type: 0,
    kv: { key, value, modRevision, createRevision: modRevision, version: 1 },
  }
}

/** A delete of `key`. */
export function del(key: string, modRevision: number) {
  return { type: 1, kv: { key, modRevision } }
}

/** `+a` for a put, `-a` for a delete. */
export function textOf(batch: WatchBatch): string {
  return `${batch.revision}: ${batch.events.map((event) => (event.type === 'put' ? '+' : '-') + event.kv.key).join(' ')}`
}

/** What a store that holds these answers to reads, whatever the revision. */
export function storeOf(
  kvs: readonly Init<KeyValue>[],
  head: ReturnType<typeof header>,
  compactRevision = 0,
) {
  const range = ({ key, rangeEnd, limit, revision }: Init<RangeRequest>) => {
    if (revision && revision < compactRevision) throw new EtcdError('compacted')
    if (revision && revision > head.revision) throw new EtcdError('future_revision')
    const [from, end] = [String(key), String(rangeEnd ?? '')]
    const found = kvs.filter(({ key: each }) =>
      end === ''
        ? String(each) === from
        : String(each) >= (from === '\0' ? '' : from) && (end === '\0' || String(each) < end),
    )
    const some = found.slice(0, limit || undefined)
    return { header: head, kvs: some, more: some.length < found.length, count: found.length }
  }
  const txn = ({ success }: Init<TxnRequest>) => ({
    header: head,
    succeeded: true,
    responses: (success ?? []).map(({ request }) => {
      if (request?.type !== 'range') throw new Error('only reads are played')
      return { response: { type: 'range' as const, value: range(request.value) } }
    }),
  })
  return {
    txn,
    onUnary: (path: string, request: unknown) =>
      path.endsWith('/Txn') ? txn(request as TxnRequest) : range(request as RangeRequest),
  }
}

/** A service on a scripted channel, and what its watches told. */
export function setUp(options: WatchServiceOptions = {}, endpoints?: readonly string[]) {
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
  const events = (revision: number, list: Init<WatchResponse>['events'], more: Init<WatchResponse> = {}) => {
    for (const event of list ?? []) written.push(event)
    newest = Math.max(newest, revision)
    channel.lastStream.answer({ header: header(revision), watchId: 0, events: list, ...more })
  }
  /** All events: the store that is asked after a lost stream whether it is still the same. */
  const written: Init<Event>[] = []
  let newest = 1
  channel.onTxn = (request) => {
    const { request: first } = request.success[0]!
    const revision = first?.type === 'range' ? first.value.revision : 0
    const held = new Map<string, Init<KeyValue>>()
    for (const { type, kv } of written) {
      if (kv!.modRevision! > revision) continue
      if (type === 1) held.delete(String(kv!.key))
      else held.set(String(kv!.key), kv!)
    }
    return storeOf([...held.values()], header(newest)).txn(request)
  }

  const progress = (revision: number, watchId = -1) =>
    channel.lastStream.answer({ header: header(revision), watchId })

  /** The server answers the first question after a create, the one from before the watch was there included. */
  const proven = (revision: number): void => {
    clock.advance(200)
    progress(revision)
    progress(revision)
  }

  /** Where the stream is to be heard before the store is asked whether it is still the same: both. */
  const recognized = async (): Promise<void> => {
    if (lastCreate()?.filters.length === 2) created(1, 90)
    await settled()
  }

  /** Ends the last stream and goes to the next one, up to where its watches are created. */
  const reconnect = async (): Promise<ScriptedStream> => {
    const before = channel.streams.length
    channel.lastStream.end()
    clock.advance(1_000)
    if (channel.streams.length === before) throw new Error('no new stream was opened')
    await recognized()
    return channel.lastStream
  }

  /** The create that is waiting on the last stream. */
  const lastCreate = () => channel.lastStream.creates.at(-1)

  return {
    clock,
    channel,
    service,
    errors,
    watch,
    created,
    events,
    progress,
    proven,
    reconnect,
    recognized,
    lastCreate,
  }
}
