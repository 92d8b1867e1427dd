import { hasMethods, readOptions, refuseArgument } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import { held, type Namespace } from '../key-range.ts'
import { type RequestOp, ResponseHeader, type ResponseOp, TxnRequest, type TxnResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import type { Condition } from './condition.ts'
import type { Entry } from './entry.ts'
import { isReadOnly } from './txn-check.ts'
import {
  DELETE_CHECKS,
  type DeleteOptions,
  type DeleteResult,
  deleteRequest,
  deleteResult,
  PUT_CHECKS,
  type PutOptions,
  type PutResult,
  putRequest,
  putResult,
  type RangeResult,
  rangeResult,
} from './operation.ts'
import {
  type CallControl,
  CONTROL_CHECKS,
  keyRequest,
  RANGE_CHECKS,
  RANGE_OPTION_CHECKS,
  READ_CHECKS,
  type RangeQuery,
  type ReadOptions,
  rangeRequest,
  readQuery,
} from './range-query.ts'

/** One operation of a transaction with a result of type `R`. Created by `op`. */
export interface TxnOp<R> {
  encode(namespace: Namespace): Init<RequestOp>
  /** `header` is that of the whole transaction, because inner headers are not meaningful. */
  decode(response: ResponseOp, namespace: Namespace, header: ResponseHeader): R
  /** For a nested transaction: its number of operations and conditions, and its depth. */
  readonly inside?: { readonly size: number; readonly depth: number }
}

const CALL = 'KV/Txn'

type ResponseValue<K extends string> = Extract<NonNullable<ResponseOp['response']>, { type: K }>['value']

function valueOfType<K extends 'range' | 'put' | 'deleteRange' | 'txn'>(
  response: ResponseOp,
  type: K,
): ResponseValue<K> {
  if (response.response?.type === type) return response.response.value as ResponseValue<K>
  const what = `the transaction's answer holds ${response.response?.type ?? 'nothing'} where ${type} was asked`
  throw new EtcdError('malformed_message', { call: 'KV/Txn', what })
}

/**
 * The operations of a transaction. They see earlier writes of the same branch. All throw `invalid_argument`.
 */
export const op = {
  get: (key: Bytes, options?: ReadOptions): TxnOp<Entry | undefined> => {
    const given = readOptions(CALL, READ_CHECKS, options)
    const own = held(key)
    return {
      encode: (namespace) => ({ request: { type: 'range', value: keyRequest(own, given, namespace) } }),
      decode: (response, namespace, header) =>
        rangeResult(valueOfType(response, 'range'), namespace, header).entries[0],
    }
  },
  getRange: (query: RangeQuery): TxnOp<RangeResult> => {
    const given = readQuery(CALL, RANGE_OPTION_CHECKS, query)
    return {
      encode: (namespace) => ({ request: { type: 'range', value: rangeRequest(given, namespace) } }),
      decode: (response, namespace, header) => rangeResult(valueOfType(response, 'range'), namespace, header),
    }
  },
  put: (key: Bytes, value: Bytes, options?: PutOptions): TxnOp<PutResult> => {
    const given = readOptions(CALL, PUT_CHECKS, options)
    const [ownKey, ownValue] = [held(key), held(value)]
    return {
      encode: (namespace) => ({
        request: { type: 'put', value: putRequest(ownKey, ownValue, given, namespace) },
      }),
      decode: (response, namespace, header) => putResult(valueOfType(response, 'put'), namespace, header),
    }
  },
  delete: (key: Bytes, options?: DeleteOptions): TxnOp<DeleteResult> =>
    op.deleteRange({ ...readOptions(CALL, DELETE_CHECKS, options), key }),
  deleteRange: (query: KeyRange & DeleteOptions): TxnOp<DeleteResult> => {
    const given = readQuery(CALL, { ...RANGE_CHECKS, ...DELETE_CHECKS }, query)
    return {
      encode: (namespace) => ({
        request: { type: 'deleteRange', value: deleteRequest(given, given, namespace) },
      }),
      decode: (response, namespace, header) =>
        deleteResult(valueOfType(response, 'deleteRange'), namespace, header),
    }
  },
  /** A nested transaction: `op.txn(client.kv.txn().if(…).then(…))`. */
  txn: <T extends Ops, E extends Ops>(inner: Txn<T, E>): TxnOp<TxnResult<T, E>> => {
    if (!(inner instanceof Txn))
      throw refuseArgument('op.txn takes a transaction that was made by kv.txn()', CALL)
    return {
      encode: (namespace) => ({ request: { type: 'txn', value: inner.encode(namespace) } }),
      decode: (response, namespace, header) => inner.decode(valueOfType(response, 'txn'), namespace, header),
      inside: inner.extent,
    }
  },
} as const

/** The operations of one branch. */
export type Ops = readonly TxnOp<unknown>[]

/** The results of a branch, one for each operation. */
export type ResultsOf<T extends Ops> = { readonly [K in keyof T]: T[K] extends TxnOp<infer R> ? R : never }

/**
 * Which branch was executed, and its results. All writes of a transaction have the revision
 * `header.revision`.
 */
export type TxnResult<T extends Ops, E extends Ops> =
  | { readonly succeeded: true; readonly header: ResponseHeader; readonly results: ResultsOf<T> }
  | { readonly succeeded: false; readonly header: ResponseHeader; readonly results: ResultsOf<E> }

/** Sends a transaction; provided by the service. */
export type CommitTxn = (request: Init<TxnRequest>, control: CallControl) => Promise<TxnResponse>

const NO_HEADER = ResponseHeader.decode(Buffer.alloc(0))

/**
 * A transaction under construction. Immutable: each step returns a new one. Nothing is sent before
 * `commit()`.
 */
export class Txn<T extends Ops = [], E extends Ops = []> {
  readonly #namespace: Namespace
  readonly #commit: CommitTxn
  readonly #conditions: readonly Condition[]
  readonly #success: T
  readonly #failure: E

  constructor(
    namespace: Namespace,
    commit: CommitTxn,
    conditions: readonly Condition[],
    success: T,
    failure: E,
  ) {
    this.#namespace = namespace
    this.#commit = commit
    this.#conditions = conditions
    this.#success = success
    this.#failure = failure
  }

  /** Adds conditions. The `then` branch is executed if all of them hold, or if there are none. */
  if(...conditions: readonly Condition[]): Txn<T, E> {
    if (!conditions.every((each) => hasMethods(each, 'encode'))) {
      throw refuseArgument('if() takes conditions made by `compare`', CALL)
    }
    const all = [...this.#conditions, ...conditions]
    return new Txn(this.#namespace, this.#commit, all, this.#success, this.#failure)
  }

  /** Adds operations for the case that all conditions hold. */
  // biome-ignore lint/suspicious/noThenProperty: etcd's own word for it; awaiting the builder is caught below.
  then<A extends Ops>(...ops: A): Txn<[...T, ...A], E> {
    if (ops.some((each: unknown) => typeof each === 'function')) {
      throw refuseArgument('the transaction was awaited before commit()', CALL)
    }
    assertOps('then', ops)
    const success: [...T, ...A] = [...this.#success, ...ops]
    return new Txn(this.#namespace, this.#commit, this.#conditions, success, this.#failure)
  }

  /** Adds operations for the case that a condition does not hold. */
  else<A extends Ops>(...ops: A): Txn<T, [...E, ...A]> {
    assertOps('else', ops)
    const failure: [...E, ...A] = [...this.#failure, ...ops]
    return new Txn(this.#namespace, this.#commit, this.#conditions, this.#success, failure)
  }

  /**
   * Sends the transaction.
   *
   * @throws EtcdError `duplicate_key` and `request_too_large` before anything is sent; `outcome_unknown` if
   * it writes and the answer was lost
   */
  async commit(control?: CallControl): Promise<TxnResult<T, E>> {
    const given = readOptions(CALL, CONTROL_CHECKS, control)
    assertExtent(this.extent)
    const request = this.encode(this.#namespace)
    const response = await this.#commit(request, given)
    try {
      return this.decode(response, this.#namespace)
    } catch (error) {
      throw isReadOnly(request) ? error : outcomeUnknown(error)
    }
  }

  /** The number of operations and conditions, including nested ones, and the depth of nesting. */
  get extent(): { readonly size: number; readonly depth: number } {
    const inner = [...this.#success, ...this.#failure].flatMap(({ inside }) => inside ?? [])
    const own = this.#conditions.length + this.#success.length + this.#failure.length
    return {
      size: inner.reduce((sum, { size }) => sum + size, own),
      depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    }
  }

  /** The size of the request in bytes, as the client's `limits.requestBytes` counts it. */
  get byteLength(): number {
    return TxnRequest.encode(this.encode(this.#namespace)).length
  }

  /** Encodes the request, also for nesting. */
  encode(namespace: Namespace): Init<TxnRequest> {
    return {
      compare: this.#conditions.map((each) => each.encode(namespace)),
      success: this.#success.map((each) => each.encode(namespace)),
      failure: this.#failure.map((each) => each.encode(namespace)),
    }
  }

  /** Decodes the response, also for nesting. */
  decode(
    response: TxnResponse,
    namespace: Namespace,
    header: ResponseHeader = response.header ?? NO_HEADER,
  ): TxnResult<T, E> {
    const ops: Ops = response.succeeded ? this.#success : this.#failure
    if (response.responses.length !== ops.length) {
      const what = `the answer has ${response.responses.length} results for ${ops.length} operations`
      throw new EtcdError('malformed_message', { call: 'KV/Txn', what })
    }
    const values = ops.map((each, index) => each.decode(response.responses[index]!, namespace, header))
    return { succeeded: response.succeeded, header, results: values } as unknown as TxnResult<T, E>
  }
}

/** For a response that does not match the request: whether a write was applied is unknown. */
function outcomeUnknown(error: unknown): unknown {
  if (!(error instanceof EtcdError) || error.code !== 'malformed_message') return error
  return new EtcdError('outcome_unknown', { call: CALL, what: error.what, fate: 'unknown', cause: error })
}

/**
 * Limits far above any server's; beyond them, encoding takes too long (e.g. one transaction used twice at
 * each of 50 levels).
 */
const MAX_SIZE = 1_000_000
const MAX_DEPTH = 1_000

function assertExtent({ size, depth }: { readonly size: number; readonly depth: number }): void {
  if (size <= MAX_SIZE && depth <= MAX_DEPTH) return
  const what = `the transaction has ${size} operations and conditions, nested ${depth} deep`
  throw new EtcdError('request_too_large', { call: CALL, what, fate: 'not_sent' })
}

function assertOps(name: string, ops: Ops): void {
  if (ops.every((each) => hasMethods(each, 'encode', 'decode'))) return
  throw refuseArgument(`${name}() takes operations made by \`op\``, CALL)
}
