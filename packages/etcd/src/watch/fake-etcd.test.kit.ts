import { EtcdError } from '../errors.ts'
import type { Init } from '../wire/message.ts'
import type { WatchResponse } from '../wire/watch.ts'
import { type CreateRequest, ScriptedChannel, type ScriptedStream } from './scripted-channel.test.kit.ts'

/** One change in the history: the key, and whether it was put or deleted. */
export interface Change {
  readonly key: string
  readonly isDelete: boolean
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
const batchRevisions = 3

const clusterId = 7n

/**
 * etcd's watch server in small, with its races in the open: changes and control answers wait in two queues, and
 * whoever drives it decides which goes out next, when watches are synced, and when a stream is lost.
 */
export class FakeEtcd {
  readonly channel = new ScriptedChannel()
  readonly history = new Map<number, readonly Change[]>()
  revision = 1
  compactRevision = 0
  readonly #manners: Manners
  readonly #keys = new Set<string>()
  #open: ServerStream[] = []

  constructor(manners: Manners) {
    this.#manners = manners
    this.channel.onStream = (stream) => this.#accept(stream)
    this.channel.onUnary = () => ({ header: this.#header(this.revision) })
  }

  get keys(): ReadonlySet<string> {
    return this.#keys
  }

  /** One transaction; deletes of keys that are not there are left out. */
  write(changes: readonly Change[]): void {
    const done = changes.filter(({ key, isDelete }) => !isDelete || this.#keys.has(key))
    if (done.length === 0) return
    this.revision += 1
    this.history.set(this.revision, done)
    for (const { key, isDelete } of done) {
      if (isDelete) this.#keys.delete(key)
      else this.#keys.add(key)
    }
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
    const batch = matching.slice(0, batchRevisions)
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
      .map(({ key: name, isDelete }) => ({
        type: isDelete ? 1 : 0,
        kv: { key: name, modRevision: revision },
      }))
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
    return { clusterId, memberId: 1n, revision, raftTerm: 2 }
  }
}
