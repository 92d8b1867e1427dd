import { type Bytes, compare, type Entry, op, type RangeResult, type TxnOp } from '@livetree/etcd'
import { CallerWait, type WaitingCall, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { BYTES, type OptionChecks } from './check-argument.ts'
import { CoordinationError } from './errors.ts'
import { keyGone } from './key-gone.ts'
import { isDirectChild, type KeyQueue } from './key-queue.ts'
import { OwnKey } from './own-key.ts'
import type { OpenSession } from './session.ts'

/** Options of `acquire`. */
export interface AcquireOptions extends WaitOptions {
  /** Stored in the key, and shown by `contenders()`. Default: empty. */
  readonly value?: Bytes
}

/** The checks of `AcquireOptions`. */
export const ACQUIRE_CHECKS: OptionChecks<AcquireOptions> = { ...WAIT_CHECKS, value: BYTES }

/** The remedies of a call whose wait is for those whom a method lists. */
export function listedBy(method: string): WaitingCall['remedies'] {
  return { deadline_exceeded: `Wait longer, or find out by ${method}() who is before it.` }
}

type Header = RangeResult['header']

/** Who a contender waits for, as seen at the revision of the header; nobody: it is its turn. */
interface Turn {
  readonly header: Header
  readonly predecessor: Entry | undefined
  /** True for a short queue: the predecessor may leave before etcd serves a watch that starts at a past revision. */
  readonly isSoon: boolean
}

/** A queue of this many short holds (1 to 2 ms each) may move on within the 100 ms of `DeletionOptions.isSoon`. */
const SOON = 50

/**
 * Enters a queue and waits until everybody before has left. Each contender watches its predecessor only, so a release
 * wakes one. Either the key is returned and it is its turn, or the call rejects and the key is removed.
 */
export async function contend(
  session: OpenSession,
  queue: KeyQueue,
  options: AcquireOptions,
): Promise<OwnKey> {
  session.assertOpen()
  const own = ownKeyIn(queue, session, options)
  using wait = new CallerWait({ what: queue.what, remedies: listedBy(queue.listing) }, options, own)
  try {
    wait.signal.throwIfAborted()
    let turn = await wait.race(enter(own, queue))
    while (turn.predecessor !== undefined) {
      const { header, predecessor, isSoon } = turn
      if (predecessor.lease === 0n) queue.onOrphan(predecessor.key)
      await wait.race(
        keyGone(
          { key: predecessor.keyBytes },
          { client: session.client, header, entry: predecessor, signal: wait.signal, isSoon },
        ),
      )
      turn = await wait.race(look(own, queue))
    }
    own.signal.throwIfAborted()
    session.assertOpen()
    return own
  } catch (error) {
    throw await leave(own, error)
  }
}

/**
 * Takes the place if nobody is before; otherwise returns `undefined`, without having written anything that others could see.
 */
export async function tryContend(
  session: OpenSession,
  queue: KeyQueue,
  options: AcquireOptions,
): Promise<OwnKey | undefined> {
  session.assertOpen()
  const own = ownKeyIn(queue, session, options)
  using wait = new CallerWait({ what: queue.what, remedies: listedBy(queue.listing) }, options, own)
  try {
    wait.signal.throwIfAborted()
    if (await wait.race(createIfFree(own, queue))) return own
    own.remove(new Error('somebody is before')).catch(() => undefined)
    return undefined
  } catch (error) {
    throw await leave(own, error)
  }
}

/** The key of one contender, not yet created. */
function ownKeyIn(queue: KeyQueue, session: OpenSession, { value = '' }: AcquireOptions): OwnKey {
  const key = session.names.take(queue.prefix)
  return new OwnKey(session, { key, value, canReattach: queue.canReattach })
}

async function createIfFree(own: OwnKey, queue: KeyQueue): Promise<boolean> {
  const areFree = queue.blockers.map((prefix) => compare.createRevision({ prefix }, '=', 0))
  const created = await own.create(
    queue.blockers.map((prefix) => newest(prefix, 1)),
    areFree,
  )
  if (created.token > 0) return true
  const isTaken = created.reads.some(({ entries }, index) =>
    entries.some(({ key }) => isDirectChild(key, queue.blockers[index] ?? '')),
  )
  if (isTaken) return false
  // Only keys that belong to other names are there, or the last one has just left.
  await own.create([])
  return (await look(own, queue)).predecessor === undefined
}

/** Removes the key of a call that fails, and returns its error. */
export async function leave(own: OwnKey, error: unknown): Promise<unknown> {
  own.remove(asError(error)).catch(() => undefined)
  if (!(error instanceof CoordinationError) || error.code !== 'lock_lost') return error
  // The key may be gone because the lease is: then that is what the caller has to know.
  await own.session.suspect()
  return own.session.signal.aborted ? own.session.signal.reason : error
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** The newest keys below a prefix, at most `limit`, and only those created before a revision; without their values. */
function newest(prefix: string, limit: number | undefined, before?: number): TxnOp<RangeResult> {
  return op.getRange({
    prefix,
    sort: { by: 'create', order: 'descend' },
    keysOnly: true,
    ...(limit === undefined ? {} : { limit }),
    ...(before === undefined ? {} : { maxCreateRevision: before - 1 }),
  })
}

async function enter(own: OwnKey, queue: KeyQueue): Promise<Turn> {
  // Two are enough: the key itself, if it is below this prefix, and its predecessor.
  const created = await own.create(queue.blockers.map((prefix) => newest(prefix, 2)))
  if (!created.isNewest) return look(own, queue)
  return decide(own, queue, created.header, created.reads)
}

/** Who a contender waits for now. */
async function look(own: OwnKey, queue: KeyQueue): Promise<Turn> {
  const { header, reads } = await own.look(queue.blockers.map((prefix) => newest(prefix, 1, own.token)))
  return decide(own, queue, header, reads)
}

/** Finds the predecessor. Reads all keys if those that were read belong to other names. */
async function decide(
  own: OwnKey,
  queue: KeyQueue,
  header: Header,
  reads: readonly RangeResult[],
): Promise<Turn> {
  const isComplete = reads.every(
    (read, index) => !read.hasMore || candidatesOf(own, queue, read, index).length > 0,
  )
  const isSoon = reads.reduce((sum, { count }) => sum + count, 0) <= SOON
  if (isComplete)
    return {
      header,
      predecessor: latest(reads.flatMap((read, index) => candidatesOf(own, queue, read, index))),
      isSoon,
    }
  const all = await own.look(queue.blockers.map((prefix) => newest(prefix, undefined, own.token)))
  const candidates = all.reads.flatMap((read, index) => candidatesOf(own, queue, read, index))
  return { header: all.header, predecessor: latest(candidates), isSoon }
}

/** The keys before ours, of those that count. */
function candidatesOf(own: OwnKey, queue: KeyQueue, read: RangeResult, index: number): readonly Entry[] {
  const prefix = queue.blockers[index] ?? ''
  const before = read.entries.filter(({ createRevision }) => createRevision < own.token)
  for (const { key } of before) if (!isDirectChild(key, prefix)) queue.onDeeperKey(key)
  return before.filter(({ key }) => isDirectChild(key, prefix))
}

function latest(entries: readonly Entry[]): Entry | undefined {
  return entries.reduce<Entry | undefined>(
    (last, entry) => (last === undefined || entry.createRevision > last.createRevision ? entry : last),
    undefined,
  )
}
