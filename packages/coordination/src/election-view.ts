import type { EtcdClient } from '@livetree/etcd'
import { CallerWait, type WaitOptions } from './caller-wait.ts'
import { checkName, type OptionChecks, readOptions, SIGNAL } from './check-argument.ts'
import { CoordinationError } from './errors.ts'
import { isDirectChild } from './key-queue.ts'
import type { KeptChange } from './kept-range.ts'
import { RangeView, type View, VIEW_CHECKS, type ViewOptions } from './view.ts'

/** One candidate of an election, as a view shows it. */
export interface Candidate {
  readonly key: string
  /** The create revision of the key: the fencing token of its leadership. */
  readonly token: number
  readonly lease: bigint
  readonly value: Buffer
  /** The revision that wrote the value. */
  readonly revision: number
}

/** The live state of an election. */
export interface ElectionView extends View {
  /** Who leads at `revision`; `undefined` if nobody does. */
  readonly leader: Candidate | undefined
  /** The leader and the candidates after it, in order. */
  readonly candidates: readonly Candidate[]
}

/**
 * Opens a live view of an election, complete when it resolves.
 *
 * @throws CoordinationError `invalid_argument`, `cancelled`, `deadline_exceeded`; EtcdError if etcd refuses
 */
export async function openElectionView(
  client: EtcdClient,
  name: string,
  options?: ViewOptions,
): Promise<ElectionView> {
  return openView(client, name, options)
}

async function openView(client: EtcdClient, name: string, options?: ViewOptions): Promise<CandidatesView> {
  checkName(name)
  const { logger, ...limits } = readOptions('openElectionView', VIEW_CHECKS, options)
  const view = new CandidatesView(client, name, `${name}/`, logger)
  await view.opened(limits)
  return view
}

const OBSERVE_CHECKS: OptionChecks<Omit<WaitOptions, 'timeoutMs'>> = { signal: SIGNAL }

/**
 * Iterates over the leaders of an election: first the current one, then each time somebody else leads, the leader
 * proclaims another value, or nobody leads (`undefined`). A reader that is slow, or whose connection was lost, gets the
 * newest. Ends quietly with the signal, and with `return()`, also while `next()` waits.
 *
 * @throws CoordinationError `invalid_argument`, `closed`; EtcdError if etcd refuses
 */
export function observeElection(
  client: EtcdClient,
  name: string,
  options?: Omit<WaitOptions, 'timeoutMs'>,
): AsyncGenerator<Candidate | undefined, void, undefined> {
  const stop = new AbortController()
  const leaders = leadersOf(client, name, options, stop.signal)
  // A generator runs one call after the other, so one that waits is ended first.
  const end = (): Promise<IteratorResult<Candidate | undefined, void>> => {
    stop.abort()
    return leaders.return()
  }
  return {
    next: () => leaders.next(),
    return: end,
    throw: async (error: unknown) => {
      await end()
      throw error
    },
    [Symbol.asyncDispose]: async () => void (await end()),
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

async function* leadersOf(
  client: EtcdClient,
  name: string,
  options: Omit<WaitOptions, 'timeoutMs'> | undefined,
  stop: AbortSignal,
): AsyncGenerator<Candidate | undefined, void, undefined> {
  checkName(name)
  using wait = new CallerWait(`observing ${name}`, readOptions('observeElection', OBSERVE_CHECKS, options), {
    onEnd: (run) => endOn(stop, run),
  })
  const { signal } = wait
  try {
    await using view = await openView(client, name, { signal })
    let last: Candidate | undefined
    for (let isFirst = true; ; isFirst = false) {
      if (!isFirst) await view.changedFrom(last, { signal })
      last = view.leader
      yield last
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Calls `run` when the signal aborts, at once if it has. Returns how to unsubscribe. */
function endOn(stop: AbortSignal, run: (reason: Error) => void): () => void {
  const onAbort = (): void => run(new CoordinationError('closed', { what: 'the iteration was ended' }))
  if (stop.aborted) onAbort()
  else stop.addEventListener('abort', onAbort, { once: true })
  return () => stop.removeEventListener('abort', onAbort)
}

class CandidatesView extends RangeView implements ElectionView {
  readonly #prefix: string
  #candidates: readonly Candidate[] = []

  constructor(client: EtcdClient, name: string, prefix: string, logger: ViewOptions['logger']) {
    super(client, name, { prefix }, logger)
    this.#prefix = prefix
  }

  protected override apply(_changes: readonly KeptChange[]): void {
    this.#candidates = [...this.range.entries]
      .map(({ key, createRevision, modRevision, lease, value }) => ({
        key: key.toString(),
        token: createRevision,
        lease,
        value,
        revision: modRevision,
      }))
      .filter(({ key }) => isDirectChild(key, this.#prefix))
      .sort((a, b) => a.token - b.token)
  }

  get leader(): Candidate | undefined {
    return this.#candidates[0]
  }

  get candidates(): readonly Candidate[] {
    return this.#candidates
  }

  /** Resolves when the leader or its value is another one. */
  changedFrom(last: Candidate | undefined, options: WaitOptions): Promise<void> {
    const isOther = (): boolean =>
      this.leader?.token !== last?.token || this.leader?.revision !== last?.revision
    return this.until('observing an election', isOther, options)
  }
}
