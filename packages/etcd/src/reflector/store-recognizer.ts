import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import type { UnaryOptions } from '../transport/unary-request.ts'
import type { RangeResponse, ResponseHeader } from '../wire/kv.ts'
import { KV } from '../wire/rpc.ts'
import type { ContinuityQuestion, Probe } from './continuity-question.ts'
import { setbackSince, type KnownPosition, type StoreSetback } from './store-position.ts'
import { isTooLarge, TxnSize } from './txn-size.ts'
import { isOfTransaction, isRefusalOfRead, TxnSupport } from './txn-support.ts'

/** Whether a store is the known one. */
export type Recognition =
  | { readonly type: 'same' }
  /** `clusterId` is undefined if the store only reported that the revision is in the future. */
  | {
      readonly type: 'other'
      readonly reason: StoreSetback | 'history_differs'
      readonly clusterId: bigint | undefined
    }
  /** No read that identifies the store was answered. */
  | { readonly type: 'unproven'; readonly error: EtcdError }

/** Options of the reads. `roomMs` and `avoidAll`: see `UnaryOptions`. */
export type RecognitionOptions = CallOptions & Pick<UnaryOptions, 'roomMs' | 'avoidAll'>

/** What to verify, and how. */
export interface RecognitionRequest {
  readonly question: ContinuityQuestion
  /** No answer may be older than this position. Undefined if nothing but the question is known. */
  readonly known: KnownPosition | undefined
  readonly options: RecognitionOptions
}

/**
 * Verifies whether a store is the known one, in requests as large as the server accepts. Used by watches,
 * lists and paged reads. Reads that the server refuses are ignored; if every identifying read is refused, the
 * store is `unproven`.
 */
export class StoreRecognizer {
  readonly #channel: Channel
  /** How many operations the server accepts in one transaction. */
  readonly size = new TxnSize()
  /** Whether it accepts any. */
  readonly txns = new TxnSupport()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /**
   * @throws EtcdError if there was no answer; `compacted`, `malformed_message`; `future_revision` if a member that
   * answers from its own state has not reached the revision
   */
  recognize(request: RecognitionRequest): Promise<Recognition> {
    return new Inquiry(this.#channel, request, this.txns).run(this.size)
  }
}

/** One verification in progress. */
class Inquiry {
  readonly #channel: Channel
  readonly #question: ContinuityQuestion
  readonly #options: RecognitionOptions & { readonly retry: 'read' }
  readonly #txns: TxnSupport
  /** True if each member answers from its own state, so that a later answer may precede an earlier one. */
  readonly #isSerializable: boolean
  #canAskTogether: boolean
  #position: KnownPosition | undefined
  #other: Recognition | undefined
  #proofs = 0
  /** The last refusal of a probe that was therefore ignored. */
  #refused: EtcdError | undefined

  constructor(channel: Channel, { question, known, options }: RecognitionRequest, txns: TxnSupport) {
    this.#channel = channel
    this.#question = question
    this.#isSerializable = question.some(({ read }) => read.serializable)
    this.#options = { ...options, retry: 'read' }
    this.#position = known
    this.#txns = txns
    this.#canAskTogether = txns.begin()
  }

  async run(size: TxnSize): Promise<Recognition> {
    try {
      await size.split(this.#question, (some) => this.#askSome(some))
    } catch (error) {
      if (!(error instanceof EtcdError) || error.code !== 'future_revision') throw error
      // The member lags behind, which says nothing about the store.
      if (this.#isSerializable) throw error
      // The known revision is in this store's future: it went back.
      return { type: 'other', reason: 'revision_went_back', clusterId: undefined }
    }
    if (this.#other !== undefined) return this.#other
    if (this.#refused === undefined || this.#proofs > 0) return { type: 'same' }
    return { type: 'unproven', error: this.#refused }
  }

  async #askSome(probes: readonly Probe[]): Promise<readonly Probe[]> {
    if (this.#other !== undefined) return probes
    if (!this.#canAskTogether) await this.#askEach(probes)
    else {
      try {
        await this.#askAll(probes)
        this.#txns.succeeded()
      } catch (error) {
        if (!isOfTransaction(error)) throw error
        const isLarge = isTooLarge(error)
        if (isLarge && probes.length > 1) throw error
        await this.#askEach(probes)
        // The reads were answered: something answers or drops transactions on the way.
        this.#canAskTogether = isLarge
        if (!isLarge && error.code !== 'permission_denied') this.#txns.failed()
      }
    }
    return probes
  }

  async #askAll(probes: readonly Probe[]): Promise<void> {
    const success = probes.map(({ read }) => ({ request: { type: 'range' as const, value: read } }))
    const { header, responses } = await this.#channel.unary(KV.txn, { success }, this.#options)
    this.#hear(header)
    const answers = responses.flatMap(({ response }) => (response?.type === 'range' ? [response.value] : []))
    if (answers.length !== probes.length) throw new EtcdError('malformed_message', { call: 'KV/Txn' })
    for (const [index, probe] of probes.entries()) this.#take(probe, answers[index]!, !probe.read.keysOnly)
  }

  /** Sends reads without a transaction, one after the other, since each answer must not precede the last. */
  async #askEach(probes: readonly Probe[]): Promise<void> {
    for (const probe of probes) if (this.#other === undefined) await this.#askAlone(probe)
  }

  /** Sends one read; if it is refused, again without the value. */
  async #askAlone(probe: Probe): Promise<void> {
    const hasValue = !probe.read.keysOnly && !probe.read.countOnly
    for (const keysOnly of hasValue ? [false, true] : [true]) {
      try {
        const answer = await this.#channel.unary(KV.range, { ...probe.read, keysOnly }, this.#options)
        this.#hear(answer.header)
        this.#take(probe, answer, !keysOnly)
        return
      } catch (error) {
        if (!isRefusalOfRead(error)) throw error
        if (keysOnly) this.#refused = error
      }
    }
  }

  #hear(header: ResponseHeader | undefined): void {
    if (header === undefined) throw new EtcdError('malformed_message', { call: 'KV/Txn' })
    const reason = setbackSince(this.#position, header)
    this.#position = header
    if (reason !== undefined && (reason === 'cluster_id' || !this.#isSerializable)) this.#isOther(reason)
  }

  #take(probe: Probe, answer: RangeResponse, hasValues: boolean): void {
    if (!probe.isAsKnown(answer, hasValues)) this.#isOther('history_differs')
    else if (probe.isTelling) this.#proofs += 1
  }

  #isOther(reason: StoreSetback | 'history_differs'): void {
    this.#other ??= { type: 'other', reason, clusterId: this.#position?.clusterId }
  }
}
