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

/** The id of a cluster, and its bytes as every answer has them. */
interface ClusterId {
  readonly id: bigint
  readonly bytes: Uint8Array
}

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
  #current: ClusterId | undefined
  /** True if an endpoint answered for another cluster. */
  #hasForeign = false

  constructor(list: EndpointList, logger: Logger, now: () => number) {
    this.#list = list
    this.#logger = logger
    this.#now = now
  }

  /** `undefined` before the first answer. */
  get clusterId(): bigint | undefined {
    return this.#current?.id
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
    const id = this.#idOf(bytes)
    if (id === 0n) return undefined
    this.#current ??= clusterIdOf(id)
    if (id !== this.#current.id) return this.#refuse(id, this.#current.id, endpoint, place)
    if (endpoint.clusterId !== id) {
      endpoint.clusterId = id
      endpoint.foreignUntil = 0
    }
    return expected === undefined || expected === id ? undefined : changed(expected, id, place)
  }

  /** The error for a call that started under a cluster that is no longer the current one. */
  changeSince(expected: bigint | undefined, call: string): EtcdError | undefined {
    const { clusterId } = this
    if (expected === undefined || clusterId === undefined || expected === clusterId) return undefined
    return new EtcdError('cluster_changed', {
      call,
      what: `the endpoints now answer for cluster ${hex(clusterId)}, not for ${hex(expected)}`,
      fate: 'not_sent',
    })
  }

  /**
   * Replaces the failure of a call by `cluster_changed` if only endpoints of another cluster answer, which
   * the failure of an unreachable endpoint would hide.
   */
  explain(failure: EtcdError): EtcdError {
    const foreign = this.#hasForeign ? this.#list.endpoints.find((each) => this.#isForeign(each)) : undefined
    const { clusterId } = this
    if (foreign?.clusterId === undefined || clusterId === undefined) return failure
    if (failure.code === 'cluster_changed') return failure
    if (!errorCodes[failure.code].blamesEndpoint) return failure
    const { endpoint, call, fate } = failure
    const what = `${foreign.url} answers for cluster ${hex(foreign.clusterId)}, and no endpoint of cluster ${hex(clusterId)} is available: ${failure.what}`
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
    const current = this.#current
    if (!this.#hasForeign || current === undefined) return
    const ids = new Set<bigint | undefined>()
    const now = this.#now()
    for (const each of this.#list.endpoints) {
      const isLeft = each.clusterId === undefined ? each.hasFailed : each.isGone(now)
      if (!isLeft) ids.add(each.clusterId)
    }
    const [id] = ids
    if (ids.size !== 1 || id === undefined) return
    this.#hasForeign = false
    if (id === current.id) return
    this.#current = clusterIdOf(id)
    this.#logger.warn(
      'All endpoints answer for another cluster than before, which the client uses from now on',
      {
        before: hex(current.id),
        now: hex(id),
      },
    )
  }

  /** The id is decoded only if it is not that of the current cluster. */
  #idOf(bytes: Uint8Array): bigint {
    const current = this.#current
    return current !== undefined && isEqual(bytes, current.bytes) ? current.id : decodeId(bytes)
  }

  #isForeign(endpoint: Endpoint): boolean {
    return endpoint.clusterId !== undefined && endpoint.clusterId !== this.clusterId
  }

  /** An endpoint answered for the cluster `id` and not for the `current` one. */
  #refuse(id: bigint, current: bigint, endpoint: Endpoint, place: CallSite): EtcdError {
    endpoint.clusterId = id
    const error = changed(current, id, place)
    if (!this.#list.endpoints.includes(endpoint)) return error
    if (endpoint.foreignUntil === 0) {
      this.#logger.warn(
        'An endpoint answers for another cluster; it is not used while others are available',
        {
          endpoint: endpoint.url,
          inHand: hex(current),
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

function clusterIdOf(id: bigint): ClusterId {
  return { id, bytes: encodeId(id) }
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
