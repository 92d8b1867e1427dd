import type { EndpointLoad } from '../balance/endpoint-load.ts'
import type { EndpointRecord, Protocol } from '../record/endpoint-record.ts'

/**
 * `ready`: takes requests. `ejected`: set aside, because its requests failed. `unconfirmed`: the store has forgotten it
 * together with too many others to be believed; used only if nothing else can be. `draining`: it has announced that it
 * ends; takes no new requests.
 */
export type Health = 'ready' | 'ejected' | 'unconfirmed' | 'draining'

/** An instance of a service. `health`, `inFlight` and `ewmaMs` are live; everything else never changes. */
export interface Endpoint<Metadata = unknown> {
  readonly id: string
  readonly service: string
  /** `host:port`; an IPv6 address stands in brackets. */
  readonly address: string
  /** The origin of its requests; a copy. */
  readonly url: URL
  readonly protocol: Protocol
  readonly zone?: string
  readonly version?: string
  /** 0 to 1000; 0 takes no requests. */
  readonly weight: number
  readonly metadata: Metadata
  /** The key in the store. */
  readonly key: string
  readonly createRevision: number
  /** 0n for a record without a lease, which nobody removes if the instance dies. */
  readonly lease: bigint
  /** Always the real one, also while it is protected from removal. */
  readonly health: Health
  readonly inFlight: number
  /** The latency that the balancer expects, in milliseconds; 0 before the first answer. */
  readonly ewmaMs: number
}

/** A record with where it was found. */
export interface StoredRecord {
  readonly key: string
  readonly record: EndpointRecord
  readonly createRevision: number
  readonly modRevision: number
  readonly lease: bigint
}

/** What an endpoint shows of its member. */
export interface EndpointStatus {
  readonly load: EndpointLoad
  isUnconfirmed(): boolean
  now(): number
}

/** The endpoint of a stored record. */
export class ServiceEndpoint<Metadata> implements Endpoint<Metadata> {
  readonly id: string
  readonly service: string
  readonly address: string
  readonly protocol: Protocol
  declare readonly zone?: string
  declare readonly version?: string
  readonly weight: number
  readonly metadata: Metadata
  readonly key: string
  readonly createRevision: number
  readonly lease: bigint
  readonly #status: EndpointStatus
  readonly #isLeaving: boolean

  constructor(
    service: string,
    fallback: Protocol,
    stored: StoredRecord,
    metadata: Metadata,
    status: EndpointStatus,
  ) {
    const { record } = stored
    this.id = record.id
    this.service = service
    this.address = record.address
    this.protocol = record.protocol ?? fallback
    if (record.zone !== undefined) this.zone = record.zone
    if (record.version !== undefined) this.version = record.version
    this.weight = record.weight
    this.metadata = metadata
    this.key = stored.key
    this.createRevision = stored.createRevision
    this.lease = stored.lease
    this.#status = status
    this.#isLeaving = record.isLeaving
    Object.freeze(this)
  }

  get url(): URL {
    return new URL(`${this.protocol === 'https' ? 'https' : 'http'}://${this.address}`)
  }

  get health(): Health {
    const { load, isUnconfirmed, now } = this.#status
    if (this.#isLeaving) return 'draining'
    if (isUnconfirmed()) return 'unconfirmed'
    return load.isEjected(now()) ? 'ejected' : 'ready'
  }

  get inFlight(): number {
    return this.#status.load.inFlight
  }

  get ewmaMs(): number {
    return this.#status.load.lastLatencyMs
  }
}
