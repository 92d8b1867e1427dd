import { errorCodes } from '../error-codes.ts'
import { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Endpoint } from './endpoint.ts'
import type { CallSite } from './status.ts'

/**
 * How long an endpoint of another cluster is not used, in milliseconds. It may have been corrected by then.
 */
const FOREIGN_REST_MS = 30_000

const HEADER_TAG = 0x0a
const CLUSTER_ID_TAG = 0x08
const MAX_VARINT_BYTES = 10

/** Access to the endpoints. */
interface EndpointList {
  readonly endpoints: readonly Endpoint[]
}

/**
 * The encoded cluster id of a response. Every response of etcd starts with its header (field 1), and the
 * header with the cluster id (field 1); `undefined` if a response has none.
 */
function idBytesOf(payload: Uint8Array): Uint8Array | undefined {
  // The header has a few dozen bytes, so its length takes one byte.
  if (payload[0] !== HEADER_TAG || payload[2] !== CLUSTER_ID_TAG) return undefined
  let end = 3
  while (payload[end]! >= 0x80 && end < 3 + MAX_VARINT_BYTES) end += 1
  return payload.subarray(3, end + 1)
}

function decodeId(bytes: Uint8Array): bigint {
  let id = 0n
  for (let at = bytes.length - 1; at >= 0; at -= 1) id = (id << 7n) | BigInt(bytes[at]! & 0x7f)
  return BigInt.asUintN(64, id)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false
  return true
}

/**
 * Decides which cluster the client uses: the one that answered first. Answers of another cluster are errors,
 * and the endpoints that gave them are excluded while an endpoint of the current cluster is left. If all
 * endpoints that answer belong to one new cluster, that becomes the current one.
 */
export class StoreIdentity {
  readonly #list: EndpointList
  readonly #logger: Logger
  readonly #now: () => number
  #clusterId: bigint | undefined
  #idBytes: Uint8Array = new Uint8Array(0)
  /** True if an endpoint answered for another cluster. */
  #hasForeign = false

  constructor(list: EndpointList, logger: Logger, now: () => number) {
    this.#list = list
    this.#logger = logger
    this.#now = now
  }

  /** `undefined` before the first answer. */
  get clusterId(): bigint | undefined {
    return this.#clusterId
  }

  /** Returns an error for an answer that is not from the current cluster, or not from `expected`. */
  judge(
    payload: Uint8Array,
    endpoint: Endpoint,
    expected: bigint | undefined,
    place: CallSite,
  ): EtcdError | undefined {
    const bytes = idBytesOf(payload)
    if (bytes === undefined) return undefined
    if (!isEqual(bytes, this.#idBytes)) {
      const id = decodeId(bytes)
      if (id === 0n) return undefined
      endpoint.clusterId = id
      if (this.#clusterId === undefined) this.#take(id)
      else if (id !== this.#clusterId) return this.#refuse(id, endpoint, place)
    } else if (endpoint.clusterId !== this.#clusterId) {
      endpoint.clusterId = this.#clusterId
      endpoint.foreignUntil = 0
    }
    return expected === undefined || expected === this.#clusterId
      ? undefined
      : changed(expected, this.#clusterId!, place)
  }

  /** The error for a call that started under a cluster that is no longer the current one. */
  changeSince(expected: bigint | undefined, call: string): EtcdError | undefined {
    if (expected === undefined || this.#clusterId === undefined || expected === this.#clusterId)
      return undefined
    return new EtcdError('cluster_changed', {
      call,
      what: `the endpoints now answer for cluster ${hex(this.#clusterId)}, not for ${hex(expected)}`,
      fate: 'not_sent',
    })
  }

  /**
   * Replaces the failure of a call by `cluster_changed` if only endpoints of another cluster answer, which
   * the failure of an unreachable endpoint would hide.
   */
  explain(failure: EtcdError): EtcdError {
    const foreign = this.#hasForeign ? this.#list.endpoints.find((each) => this.#isForeign(each)) : undefined
    if (foreign === undefined || failure.code === 'cluster_changed') return failure
    if (!errorCodes[failure.code].blamesEndpoint) return failure
    const { endpoint, call, fate } = failure
    const what = `${foreign.url} answers for cluster ${hex(foreign.clusterId!)}, and no endpoint of cluster ${hex(this.#clusterId!)} is available: ${failure.what}`
    return new EtcdError('cluster_changed', { endpoint, call, what, fate, cause: failure })
  }

  /**
   * True if the endpoint is excluded. Reads (`isRead`) may check from time to time whether it still must be.
   */
  isLeftOut(endpoint: Endpoint, isRead: boolean): boolean {
    if (!this.#hasForeign || !this.#isForeign(endpoint)) return false
    return !isRead || this.#now() < endpoint.foreignUntil
  }

  /**
   * Switches to the cluster that all endpoints answer for, if there is exactly one. Unreachable endpoints do
   * not count: those that never answered at once, others after they have failed for a while. A cluster that
   * answers is never left.
   */
  settle(): void {
    if (!this.#hasForeign) return
    const ids = new Set<bigint | undefined>()
    const now = this.#now()
    for (const each of this.#list.endpoints) {
      const isLeft = each.clusterId === undefined ? each.hasFailed : each.isGone(now)
      if (!isLeft) ids.add(each.clusterId)
    }
    const [id] = ids
    if (ids.size !== 1 || id === undefined) return
    this.#hasForeign = false
    if (id === this.#clusterId) return
    const before = hex(this.#clusterId!)
    this.#take(id)
    this.#logger.warn(
      'All endpoints answer for another cluster than before, which the client uses from now on',
      {
        before,
        now: hex(id),
      },
    )
  }

  #take(id: bigint): void {
    this.#clusterId = id
    this.#idBytes = encodeId(id)
  }

  #isForeign(endpoint: Endpoint): boolean {
    return endpoint.clusterId !== undefined && endpoint.clusterId !== this.#clusterId
  }

  #refuse(id: bigint, endpoint: Endpoint, place: CallSite): EtcdError {
    const error = changed(this.#clusterId!, id, place)
    if (!this.#list.endpoints.includes(endpoint)) return error
    if (endpoint.foreignUntil === 0) {
      this.#logger.warn(
        'An endpoint answers for another cluster; it is not used while others are available',
        {
          endpoint: endpoint.url,
          inHand: hex(this.#clusterId!),
          answered: hex(id),
        },
      )
    }
    this.#hasForeign = true
    endpoint.foreignUntil = this.#now() + FOREIGN_REST_MS
    this.settle()
    return error
  }
}

function hex(id: bigint): string {
  return id.toString(16)
}

function encodeId(id: bigint): Uint8Array {
  const bytes: number[] = []
  for (let rest = id; ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}

function changed(expected: bigint, answered: bigint, place: CallSite): EtcdError {
  const what = `the member answered for cluster ${hex(answered)}, not for ${hex(expected)}; a write that it answered was applied there`
  return new EtcdError('cluster_changed', { ...place, what, fate: 'unknown' })
}
