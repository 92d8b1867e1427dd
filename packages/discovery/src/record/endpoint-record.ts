/** How an endpoint is spoken to. `h2c` and `grpc` are HTTP/2 without TLS. */
export type Protocol = 'http' | 'https' | 'h2c' | 'grpc'

/** All protocols. */
export const PROTOCOLS = ['http', 'https', 'h2c', 'grpc'] as const satisfies readonly Protocol[]

/** The weight of an endpoint that gives none. */
export const DEFAULT_WEIGHT = 100

/** One instance of a service as the store knows it. */
export interface EndpointRecord {
  readonly id: string
  /** `host:port`; an IPv6 address stands in brackets. */
  readonly address: string
  /** Undefined where the record does not say it, as those of Go programs. */
  readonly protocol: Protocol | undefined
  readonly zone: string | undefined
  readonly version: string | undefined
  /** 0 to 1000. */
  readonly weight: number
  /** The instance has announced that it is about to be deregistered. */
  readonly isLeaving: boolean
  /** What the provider registered as `metadata`; `{}` without. */
  readonly labels: unknown
}

/** A record, or why a value is none. */
export type Decoded =
  | { readonly type: 'record'; readonly record: EndpointRecord }
  | { readonly type: 'invalid'; readonly problem: string }

/** Reads the values of one layout. `name` is the key without the prefix of the service. */
export type Decode = (name: string, value: string) => Decoded

/** A record that says no more than its address. */
export function plainRecord(id: string, address: string): EndpointRecord {
  return {
    id,
    address,
    protocol: undefined,
    zone: undefined,
    version: undefined,
    weight: DEFAULT_WEIGHT,
    isLeaving: false,
    labels: {},
  }
}

/** The result for a value that is no record. */
export function invalid(problem: string): Decoded {
  return { type: 'invalid', problem }
}

/** An object parsed from JSON text; undefined for anything else. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
