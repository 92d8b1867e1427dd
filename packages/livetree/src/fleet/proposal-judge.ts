import type { Clock, Logger } from '@livetree/core/source'
import { compare, type EtcdClient, type EtcdError, op, type Reflector } from '@livetree/etcd'
import type { ClientLease } from './client-lease.ts'
import { GivenVerdicts } from './given-verdicts.ts'
import { judgeProposal, type ProposalCourt, type ProposalPart } from './judge-proposal.ts'
import { CALL, type OperationsKeys } from './operations.ts'
import { readProposal } from './proposal.ts'
import { startProcessorTime } from './processor-time.ts'
import { ProposalQueue, type WaitingProposal } from './proposal-queue.ts'
import type { Judgement, ProposalVerdict } from './proposal-verdict.ts'
import { Rest } from './rest.ts'
import { randomly } from './schedule.ts'
import { watchProposals } from './proposal-watch.ts'

/** What a judge of proposals is made of. */
export interface ProposalJudgeParts extends ProposalCourt {
  /** The instance that judges. */
  readonly instance: { readonly name: string; readonly id: string }
  /** The layers of the source, without slashes at their ends. */
  readonly layers: readonly string[]
  readonly keys: OperationsKeys
  readonly client: EtcdClient
  readonly lease: ClientLease
  readonly clock: Clock
  readonly logger: Logger
}

/** What a judge of proposals asks of the member that it belongs to. */
export interface JudgeHost {
  /** The time that the writes of all instances are spread over, in milliseconds. */
  readonly spreadMs: number
  /** `isAble` has changed. */
  ableChanged(): void
}

/** After N milliseconds of processor time, the next judgement waits 20 N: judging takes at most a twentieth of a processor. */
const REST_FACTOR = 20
/** The longest wait between two judgements, in milliseconds. */
const MOST_REST_MS = 60_000

/**
 * Judges proposals in the background, one at a time, and writes what it finds. Everything that others decide is bounded: what
 * waits, how often it judges, what stands in the store. A failure is logged once for each kind, and has no other effect.
 */
export class ProposalJudge {
  readonly #parts: ProposalJudgeParts
  readonly #queue = new ProposalQueue()
  readonly #given: GivenVerdicts
  readonly #readable = new Set<string>()
  readonly #watches: Reflector[] = []
  #host: JudgeHost | undefined = undefined
  #timer: unknown = undefined
  #work: Promise<void> | undefined = undefined
  readonly #rest: Rest
  #lastFailure: unknown = undefined
  readonly #stop = new AbortController()

  constructor(parts: ProposalJudgeParts) {
    this.#parts = parts
    this.#rest = new Rest(parts.clock)
    this.#given = new GivenVerdicts(parts.client, parts.clock, () => this.#plan())
  }

  /** Whether the proposals of all layers can be read. */
  get isAble(): boolean {
    return this.#readable.size === this.#parts.layers.length && !this.#stop.signal.aborted
  }

  /** Begins to follow the proposals. Resolves when the first attempt has settled. */
  async start(host: JudgeHost): Promise<void> {
    this.#host = host
    await Promise.all(this.#parts.layers.map((layer) => this.#follow(layer)))
  }

  /** Deletes the verdicts that still stand. Never rejects. */
  async stop(): Promise<void> {
    this.#stop.abort()
    for (const watch of this.#watches) watch.cancel()
    this.#parts.clock.clearTimeout(this.#timer)
    await this.#work
    await this.#given.stop()
  }

  #follow(layer: string): Promise<void> {
    const { client, keys } = this.#parts
    const tried = Promise.withResolvers<void>()
    try {
      const watch = watchProposals(client, keys, layer, {
        onProposal: (id, text, writtenAt) => {
          if (this.#queue.add({ layer, id, text, writtenAt })) this.#plan()
        },
        onEnded: (id) => {
          this.#queue.drop(layer, id)
          this.#given.ended(id)
        },
        onList: (ids) => this.#queue.keep(layer, ids),
        onAccess: (isAble, error) => this.#noteAccess(layer, isAble, error),
        onTried: tried.resolve,
      })
      this.#watches.push(watch)
    } catch (error) {
      // the client is closed
      this.#noteFailure(error)
      tried.resolve()
    }
    return tried.promise
  }

  #noteAccess(layer: string, isAble: boolean, error: EtcdError | undefined): void {
    const wasAble = this.isAble
    if (isAble) this.#readable.add(layer)
    else this.#readable.delete(layer)
    if (error !== undefined) this.#noteFailure(error)
    if (this.isAble !== wasAble && !this.#stop.signal.aborted) this.#host?.ableChanged()
  }

  /** One at a time, at random within the time that writes are spread over, and not before the judge has rested. */
  #plan(): void {
    const isBusy = this.#timer !== undefined || this.#work !== undefined || this.#stop.signal.aborted
    if (isBusy || this.#queue.size === 0 || this.#given.isFull) return
    const { clock } = this.#parts
    const restMs = Math.min(this.#rest.leftMs(), MOST_REST_MS)
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#work = this.#next().finally(() => {
          this.#work = undefined
          this.#plan()
        })
      },
      restMs + randomly(this.#host?.spreadMs ?? 0),
    )
  }

  /** Never rejects. */
  async #next(): Promise<void> {
    const waiting = this.#queue.take()
    if (waiting === undefined) return
    try {
      await this.#answer(waiting)
      this.#lastFailure = undefined
    } catch (error) {
      this.#noteFailure(error)
    }
  }

  async #answer(waiting: WaitingProposal): Promise<void> {
    const read = this.#timed(() => readProposal(waiting.text, waiting.layer, waiting.id))
    if (read.type === 'unreadable') return
    const layers = (read.type === 'newer' ? read.layers : read.proposal.layers).filter((layer) =>
      this.#parts.layers.includes(layer),
    )
    // each proposal is answered once, where its first part stands
    if (layers[0] !== waiting.layer) return
    if (read.type === 'newer')
      return this.#write(waiting, { verdict: 'unjudged', revision: this.#revision, reason: 'version' })
    const parts = await this.#partsOf({ layer: waiting.layer, proposal: read.proposal }, layers)
    if (parts !== undefined) await this.#write(waiting, await this.#judge(parts, waiting))
  }

  /** The parts of a proposal in other layers; undefined where one is missing or is none. */
  async #partsOf(
    first: ProposalPart,
    layers: readonly string[],
  ): Promise<readonly ProposalPart[] | undefined> {
    const { client, keys } = this.#parts
    const { id } = first.proposal
    const parts = [first]
    for (const layer of layers.slice(1)) {
      const found = await client.kv.get(keys.proposal(layer, id), CALL)
      const read = this.#timed(() => readProposal(found?.text ?? '', layer, id))
      if (read.type !== 'proposal') return undefined
      parts.push({ layer, proposal: read.proposal })
    }
    return parts
  }

  async #judge(parts: readonly ProposalPart[], { writtenAt }: WaitingProposal): Promise<Judgement> {
    const wanted = Math.max(...parts.map(({ proposal }) => proposal.revision))
    const revision = wanted <= writtenAt ? await this.#reach(wanted, writtenAt) : undefined
    if (revision === undefined) return { verdict: 'unjudged', revision: this.#revision, reason: 'behind' }
    try {
      return this.#timed(() => judgeProposal(this.#parts, parts, revision))
    } catch (error) {
      this.#noteFailure(error)
      return { verdict: 'unjudged', revision, reason: 'failed' }
    }
  }

  /**
   * Sees to it that the source has been followed up to a revision. Returns up to where it has, at least; undefined where that fails.
   *
   * @param writtenAt a revision that the store is known to have reached, which a refresh reaches too
   */
  async #reach(wanted: number, writtenAt: number): Promise<number | undefined> {
    if (this.#revision >= wanted) return this.#revision
    try {
      await this.#parts.config.refresh(CALL)
      return Math.max(this.#revision, writtenAt)
    } catch {
      return undefined
    }
  }

  /** Up to where the source has been followed. */
  get #revision(): number {
    const { config, source } = this.#parts
    return config.status.sources.find(({ name }) => name === source.name)?.revision ?? 0
  }

  /** Runs what takes the more time the larger a proposal is. */
  #timed<R>(run: () => R): R {
    const tookMs = startProcessorTime()
    try {
      return run()
    } finally {
      this.#rest.begin(this.#rest.leftMs() + tookMs() * REST_FACTOR)
    }
  }

  /** Writes a verdict, unless the proposal is gone. */
  async #write({ layer, id }: WaitingProposal, judgement: Judgement): Promise<void> {
    const { client, keys, instance, lease: leases, clock } = this.#parts
    const lease = await leases.held()
    if (this.#stop.signal.aborted) return
    const key = keys.verdict(layer, id, instance)
    const verdict: ProposalVerdict = { version: 1, ...instance, ...judgement, at: clock.now() }
    this.#given.add(id, key)
    await client.kv
      .txn()
      .if(compare.exists(keys.proposal(layer, id)))
      .then(op.put(key, JSON.stringify(verdict), { lease: lease.id }))
      .commit(CALL)
    this.#rest.begin(Math.max(this.#rest.leftMs(), this.#host?.spreadMs ?? 0))
  }

  #noteFailure(error: unknown): void {
    const kind = (error as Partial<EtcdError> | undefined)?.code ?? error
    if (this.#stop.signal.aborted || kind === this.#lastFailure) return
    this.#lastFailure = kind
    this.#parts.logger.info('This instance could not judge a proposal; the configuration is not affected', {
      error,
    })
  }
}
