import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import type { RangeResponse, ResponseHeader } from '../wire/kv.ts'
import { KV } from '../wire/rpc.ts'
import type { ContinuityQuestion, Probe } from './continuity-question.ts'
import { setbackSince, type KnownPosition, type StoreSetback } from './store-position.ts'
import { TxnSize } from './txn-size.ts'

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

/** What to verify, and how. */
export interface RecognitionRequest {
  readonly question: ContinuityQuestion
  /** No answer may be older than this position. Undefined if nothing but the question is known. */
  readonly known: KnownPosition | undefined
  readonly options: CallOptions
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

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** @throws EtcdError if there was no answer; `compacted`, `malformed_message` */
  recognize(request: RecognitionRequest): Promise<Recognition> {
    return new Inquiry(this.#channel, request).run(this.size)
  }
}

/**
 * Refusals of a part of the question: too large, above a lowered limit, or blocked by a gateway without
 * transactions.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  'request_too_large',
  'response_too_large',
  'invalid_argument',
  'permission_denied',
  'unimplemented',
])

function isRefusal(error: unknown): error is EtcdError {
  return error instanceof EtcdError && REFUSALS.has(error.code)
}

/** One verification in progress. */
class Inquiry {
  readonly #channel: Channel
  readonly #question: ContinuityQuestion
  readonly #options: CallOptions & { readonly retry: 'read' }
  #position: KnownPosition | undefined
  #other: Recognition | undefined
  #proofs = 0
  /** The last refusal of a probe that was therefore ignored. */
  #refused: EtcdError | undefined

  constructor(channel: Channel, { question, known, options }: RecognitionRequest) {
    this.#channel = channel
    this.#question = question
    this.#options = { ...options, retry: 'read' }
    this.#position = known
  }

  async run(size: TxnSize): Promise<Recognition> {
    try {
      await size.split(this.#question, (some) => this.#askSome(some), isRefusal)
    } catch (error) {
      // The known revision is in this store's future: it went back.
      if (!(error instanceof EtcdError) || error.code !== 'future_revision') throw error
      return { type: 'other', reason: 'revision_went_back', clusterId: undefined }
    }
    if (this.#other !== undefined) return this.#other
    if (this.#refused === undefined || this.#proofs > 0) return { type: 'same' }
    return { type: 'unproven', error: this.#refused }
  }

  async #askSome(probes: readonly Probe[]): Promise<readonly Probe[]> {
    if (this.#other !== undefined) return probes
    try {
      await this.#askAll(probes)
    } catch (error) {
      if (!isRefusal(error) || probes.length > 1) throw error
      await this.#askAlone(probes[0]!)
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

  /**
   * Sends a probe that the server refuses in a transaction on its own; if refused again, without the value.
   */
  async #askAlone(probe: Probe): Promise<void> {
    const hasValue = !probe.read.keysOnly && !probe.read.countOnly
    for (const keysOnly of hasValue ? [false, true] : [true]) {
      try {
        const answer = await this.#channel.unary(KV.range, { ...probe.read, keysOnly }, this.#options)
        this.#hear(answer.header)
        this.#take(probe, answer, !keysOnly)
        return
      } catch (error) {
        if (!isRefusal(error)) throw error
        if (keysOnly) this.#refused = error
      }
    }
  }

  #hear(header: ResponseHeader | undefined): void {
    if (header === undefined) throw new EtcdError('malformed_message', { call: 'KV/Txn' })
    const reason = setbackSince(this.#position, header)
    this.#position = header
    if (reason !== undefined) this.#isOther(reason)
  }

  #take(probe: Probe, answer: RangeResponse, hasValues: boolean): void {
    if (!probe.isAsKnown(answer, hasValues)) this.#isOther('history_differs')
    else if (probe.isTelling) this.#proofs += 1
  }

  #isOther(reason: StoreSetback | 'history_differs'): void {
    this.#other ??= { type: 'other', reason, clusterId: this.#position?.clusterId }
  }
}
