import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { TxnSize } from '../reflector/txn-size.ts'
import { isTooLarge } from '../reflector/txn-size.ts'
import { isOfTransaction, type TxnSupport } from '../reflector/txn-support.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { KV } from '../wire/rpc.ts'

/** A read, and the range it is of as the caller knows it, for errors. */
export interface NamedRead {
  readonly name: KeyRange
  readonly read: Init<RangeRequest>
}

/** How to read. */
export interface PastReadOptions {
  readonly channel: Channel
  readonly size: TxnSize
  readonly txns: TxnSupport
  readonly clusterId: bigint | undefined
  readonly signal: AbortSignal
}

/** Requests at one time: a server reads large ranges in parallel only if they come in several requests. */
const MOST_AT_ONCE = 8

/** Reads of past revisions, which may be answered in any order: few one by one, many or cheap ones in transactions. */
export class PastReads {
  readonly #options: PastReadOptions
  readonly #control: CallOptions & { readonly retry: 'read' }
  #canAskTogether: boolean

  constructor(options: PastReadOptions) {
    const { signal, clusterId, txns } = options
    this.#options = options
    this.#control = { signal, retry: 'read', ...(clusterId === undefined ? {} : { clusterId }) }
    this.#canAskTogether = txns.begin()
  }

  /**
   * The answers, in the order of the reads. `areCheap`: the server needs less time for all of them than for another request.
   *
   * @throws EtcdError the first error of a read
   */
  async all(reads: readonly NamedRead[], areCheap = false): Promise<readonly RangeResponse[]> {
    const requests = areCheap && this.#canAskTogether ? 1 : MOST_AT_ONCE
    const length = Math.ceil(reads.length / requests)
    const parts = Array.from({ length: requests }, (_, index) =>
      reads.slice(index * length, (index + 1) * length),
    )
    const answers = await Promise.all(
      parts.map((part) => this.#options.size.split(part, (some) => this.#some(some))),
    )
    return answers.flat()
  }

  async #some(reads: readonly NamedRead[]): Promise<readonly RangeResponse[]> {
    if (reads.length === 1 || !this.#canAskTogether) return this.#oneByOne(reads)
    const { txns } = this.#options
    try {
      const answers = await this.#together(reads)
      txns.succeeded()
      return answers
    } catch (error) {
      if (!isOfTransaction(error) || isTooLarge(error)) throw error
      const answers = await this.#oneByOne(reads)
      // The reads were answered: something answers or drops transactions on the way.
      if (this.#canAskTogether && error.code !== 'permission_denied') txns.failed()
      this.#canAskTogether = false
      return answers
    }
  }

  async #together(reads: readonly NamedRead[]): Promise<readonly RangeResponse[]> {
    const success = reads.map(({ read: value }) => ({ request: { type: 'range' as const, value } }))
    const { responses } = await this.#options.channel.unary(KV.txn, { success }, this.#control)
    const found = responses.flatMap(({ response }) => (response?.type === 'range' ? [response.value] : []))
    if (found.length !== reads.length) throw new EtcdError('malformed_message', { call: 'KV/Txn' })
    return found
  }

  async #oneByOne(reads: readonly NamedRead[]): Promise<readonly RangeResponse[]> {
    const answers: RangeResponse[] = []
    for (const { name, read } of reads) {
      try {
        answers.push(await this.#options.channel.unary(KV.range, read, this.#control))
      } catch (error) {
        const isDenied = error instanceof EtcdError && error.code === 'permission_denied'
        throw isDenied ? error.with({ range: name }) : error
      }
    }
    return answers
  }
}
