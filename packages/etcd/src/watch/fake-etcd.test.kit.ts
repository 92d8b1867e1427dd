import { EtcdError } from '../errors.ts'
import type { RangeRequest, TxnRequest } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { type CreateRequest, ScriptedChannel, type ScriptedStream } from './scripted-channel.test.kit.ts'

/** One change in the history: the key, and whether it was put or deleted. */
export interface Change {
  readonly key: string
  readonly isDelete: boolean
}

/** A key at some revision. */
interface Stored {
  readonly key: string
  readonly value: string
  readonly modRevision: number
  readonly createRevision: number
  readonly version: number
}

/** A change as it stands in the history. */
interface Written extends Change {
  /** What a put wrote. */
  readonly stored: Stored | undefined
}

/** What a transaction comes to: the last change of each key, in order. */
export function lastChanges<T extends Change>(changes: readonly T[]): T[] {
  return changes.filter(({ key }, index) => !changes.slice(index + 1).some((later) => later.key === key))
}

/** How the server behaves; all of it was seen in some version of etcd. */
export interface Manners {
  /** Before 3.4.25 and 3.5.8: progress requests are answered at once, past queued changes, synced or not. */
  readonly answersOutOfOrder: boolean
  /** Before 3.4.36 and 3.5.18: a watch from the revision of the compaction lacks the deletes of that revision. */
  readonly losesDeletesAtCompaction: boolean
  /** Before 3.4.24 and 3.5.8: changes come twice. */
  readonly repeats: boolean
}

interface ServerWatcher {
  readonly id: number
  readonly create: CreateRequest
  /** First revision not queued yet. */
  next: number
  isSynced: boolean
  /** Ended by a compaction. As etcd since 3.5 it stays on the stream, never synced, until it is cancelled. */
  isCompacted: boolean
}

type Answer = Init<WatchResponse>

/** The server's side of one stream: what is queued in its two channels, and what is on the wire. */
interface ServerStream {
  readonly stream: ScriptedStream
  readonly watchers: Map<number, ServerWatcher>
  readonly control: Answer[]
  readonly changes: Answer[]
  readonly wire: Answer[]
  /** Watches whose `created` is on the wire; changes of others wait for that. */
  readonly announced: Set<number>
  readonly early: Answer[]
  nextId: number
}

/** Revisions in one answer at most, so that small histories need several. */
const BATCH_REVISIONS = 3

const CLUSTER_ID = 7n

/**
 * etcd's watch server in small, with its races in the open: changes and control answers wait in two queues, and
 * whoever drives it decides which goes out next, when watches are synced, and when a stream is lost.
 */
export class FakeEtcd {
  readonly channel = new ScriptedChannel()
  readonly history = new Map<number, readonly Written[]>()
  revision = 1
  compactRevision = 0
  readonly #manners: Manners
  /** All that the store held, at each revision. */
  #states = new Map<number, ReadonlyMap<string, Stored>>([[1, new Map()]])
  /** Part of every value, so that two stores with equal revisions hold different ones. */
  #generation = 0
  #open: ServerStream[] = []

  constructor(manners: Manners) {
    this.#manners = manners
    this.channel.onStream = (stream) => this.#accept(stream)
    this.channel.onUnary = (path, request) =>
      path.endsWith('/Txn') ? this.#txn(request as TxnRequest) : this.#range(request as RangeRequest)
  }

  /** Another store takes the place of this one, with the same name: all streams are lost, and what it held is gone. */
  replace(): void {
    this.cut()
    this.history.clear()
    this.#states = new Map([[1, new Map()]])
    this.revision = 1
    this.compactRevision = 0
    this.#generation += 1
  }

  /** A copy of the store as it was at a revision takes its place: all streams are lost, and later revisions are gone. */
  rewind(revision: number): void {
    this.cut()
    for (const each of [...this.history.keys()]) if (each > revision) this.history.delete(each)
    for (const each of [...this.#states.keys()]) if (each > revision) this.#states.delete(each)
    this.revision = revision
  }

  /** The values by key at a revision. */
  valuesAt(revision = this.revision): Record<string, string> {
    return Object.fromEntries(
      [...(this.#states.get(revision)?.values() ?? [])].map(({ key, value }) => [key, value]),
    )
  }

  /** One transaction, one change after the other; deletes of keys that are not there are left out. */
  write(changes: readonly Change[]): void {
    const state = new Map(this.#states.get(this.revision))
    const modRevision = this.revision + 1
    const done: Written[] = []
    for (const { key, isDelete } of changes) {
      const before = state.get(key)
      if (isDelete && before === undefined) continue
      const { createRevision, version } = before ?? { createRevision: modRevision, version: 0 }
      const value = `v${modRevision}.${this.#generation}`
      const stored = { key, value, modRevision, createRevision, version: version + 1 }
      if (isDelete) state.delete(key)
      else state.set(key, stored)
      done.push({ key, isDelete, stored: isDelete ? undefined : stored })
    }
    if (done.length === 0) return
    this.revision = modRevision
    this.history.set(modRevision, done)
    this.#states.set(modRevision, state)
    for (const server of this.#open) {
      for (const watcher of server.watchers.values()) {
        if (!watcher.isSynced || watcher.next > this.revision) continue
        this.#queue(server, watcher, [this.revision], this.revision)
        watcher.next = this.revision + 1
      }
    }
  }

  compact(revision: number): void {
    if (revision > this.compactRevision && revision <= this.revision) this.compactRevision = revision
  }

  /** One pass of the server over the watches that are behind. */
  sync(): void {
    for (const server of this.#open) {
      for (const watcher of [...server.watchers.values()])
        if (!watcher.isSynced && !watcher.isCompacted) this.#syncOne(server, watcher)
    }
  }

  /** The server writes one answer to the wire; `prefersControl` decides where both queues hold one. */
  write1(prefersControl: boolean): void {
    for (const server of this.#open) {
      const [first, second] = prefersControl
        ? [server.control, server.changes]
        : [server.changes, server.control]
      const answer = first.shift() ?? second.shift()
      if (answer !== undefined) this.#put(server, answer)
    }
  }

  /** One answer arrives. */
  arrive(): void {
    for (const { stream, wire } of [...this.#open]) {
      const answer = wire.shift()
      if (answer !== undefined) stream.answer(answer)
    }
  }

  /** Everything queued arrives. */
  flush(): void {
    for (const server of [...this.#open]) {
      while (server.control.length + server.changes.length + server.wire.length > 0) {
        this.write1(true)
        const answer = server.wire.shift()
        if (answer !== undefined) server.stream.answer(answer)
      }
    }
  }

  /** True while an answer is queued or on the wire. */
  get isSending(): boolean {
    return this.#open.some(({ control, changes, wire }) => control.length + changes.length + wire.length > 0)
  }

  /** All streams are lost with what was on the way. */
  cut(): void {
    const lost = this.#open
    this.#open = []
    for (const { stream } of lost) stream.end(new EtcdError('connection_lost'))
  }

  get openStreams(): number {
    return this.#open.filter(({ stream }) => !stream.isCancelled).length
  }

  #put({ wire, announced, early }: ServerStream, answer: Answer): void {
    const { watchId = 0 } = answer
    if (answer.created) {
      announced.add(watchId)
      wire.push(answer, ...early.filter((each) => each.watchId === watchId))
    } else if (announced.has(watchId)) wire.push(answer)
    else early.push(answer)
  }

  #accept(stream: ScriptedStream): void {
    const server: ServerStream = {
      stream,
      watchers: new Map(),
      control: [],
      changes: [],
      wire: [],
      announced: new Set([-1]),
      early: [],
      nextId: 0,
    }
    this.#open.push(server)
    stream.onSent = (request) => {
      if (request.type === 'create') this.#create(server, request.value)
      else if (request.type === 'cancel') this.#cancel(server, request.value.watchId)
      else this.#answerProgress(server)
    }
  }

  #create(server: ServerStream, create: CreateRequest): void {
    const id = create.watchId || server.nextId++
    const start = create.startRevision
    const isSynced = start === 0 || start > this.revision
    const next = start === 0 ? this.revision + 1 : start
    server.watchers.set(id, { id, create, next, isSynced, isCompacted: false })
    server.control.push({ header: this.#header(this.revision), watchId: id, created: true })
  }

  #cancel(server: ServerStream, id: number): void {
    if (!server.watchers.delete(id)) return
    server.control.push({ header: this.#header(this.revision), watchId: id, canceled: true })
  }

  #answerProgress(server: ServerStream): void {
    const answer = { header: this.#header(this.revision), watchId: -1 }
    if (this.#manners.answersOutOfOrder) server.control.push(answer)
    else if (server.watchers.size > 0 && [...server.watchers.values()].every((each) => this.#isThere(each))) {
      server.changes.push(answer)
    }
  }

  /** Since 3.5.22 a watch that begins in the future keeps the whole stream from its progress. */
  #isThere({ isSynced, create }: ServerWatcher): boolean {
    return isSynced && this.revision >= create.startRevision
  }

  #syncOne(server: ServerStream, watcher: ServerWatcher): void {
    if (watcher.next < this.compactRevision) {
      watcher.isCompacted = true
      const { compactRevision } = this
      server.changes.push({ header: this.#header(0), watchId: watcher.id, canceled: true, compactRevision })
      return
    }
    const wanted = [...this.history.keys()].filter((revision) => revision >= watcher.next)
    const matching = wanted.filter((revision) => this.#eventsAt(revision, watcher).length > 0)
    const batch = matching.slice(0, BATCH_REVISIONS)
    if (batch.length > 0) this.#queue(server, watcher, batch, this.revision)
    const isDone = batch.length === matching.length
    watcher.isSynced = isDone
    watcher.next = isDone ? this.revision + 1 : matching[batch.length]!
  }

  #eventsAt(revision: number, { create, next }: ServerWatcher) {
    const [key, end] = [create.key.toString(), create.rangeEnd.toString()]
    const isIn = (name: string) => (end === '' ? name === key : name >= key && (end === '\0' || name < end))
    // Only where the watch begins: what a server loses while a watch catches up, no client can see.
    const canLose = this.#manners.losesDeletesAtCompaction && next === create.startRevision
    const isLost = (change: Change) => canLose && change.isDelete && revision <= this.compactRevision
    return (this.history.get(revision) ?? [])
      .filter((change) => isIn(change.key) && !isLost(change))
      .filter((change) => !create.filters.includes(change.isDelete ? 1 : 0))
      .map(({ key: name, isDelete, stored }) => ({
        type: isDelete ? 1 : 0,
        kv: stored ?? { key: name, modRevision: revision },
      }))
  }

  #txn({ success }: TxnRequest) {
    const responses = success.map(({ request }) => {
      if (request?.type !== 'range') throw new Error('only reads are played')
      return { response: { type: 'range' as const, value: this.#range(request.value) } }
    })
    return { header: this.#header(this.revision), succeeded: true, responses }
  }

  #range({ key, rangeEnd, revision, limit, countOnly, keysOnly, minModRevision }: RangeRequest) {
    if (revision > this.revision) throw new EtcdError('future_revision')
    if (revision > 0 && revision < this.compactRevision) throw new EtcdError('compacted')
    const state = this.#states.get(revision || this.revision)!
    const [from, end] = [key.toString(), rangeEnd.toString()]
    const isIn = (name: string) =>
      end === '' ? name === from : name >= (from === '\0' ? '' : from) && (end === '\0' || name < end)
    const found = [...state.values()]
      .filter((each) => isIn(each.key))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
    const kvs = found.filter((each) => each.modRevision >= minModRevision).slice(0, limit || undefined)
    return {
      header: this.#header(this.revision),
      kvs: countOnly ? [] : kvs.map((each) => (keysOnly ? { ...each, value: '' } : each)),
      more: kvs.length < found.length,
      count: found.length,
    }
  }

  /** Queues the revisions as one answer, in fragments of two events. */
  #queue(
    server: ServerStream,
    watcher: ServerWatcher,
    revisions: readonly number[],
    headerRevision: number,
  ): void {
    const events = revisions.flatMap((revision) => this.#eventsAt(revision, watcher))
    const answers: Answer[] = []
    for (let from = 0; from < events.length; from += 2) {
      const answer = { header: this.#header(headerRevision), watchId: watcher.id }
      answers.push({ ...answer, events: events.slice(from, from + 2), fragment: from + 2 < events.length })
    }
    server.changes.push(...answers)
    if (this.#manners.repeats && headerRevision % 3 === 0) server.changes.push(...answers)
  }

  #header(revision: number) {
    return { clusterId: CLUSTER_ID, memberId: 1n, revision, raftTerm: 2 }
  }
}
