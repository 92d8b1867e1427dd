import {
  assertAccepted,
  type Check,
  type Checks,
  milliseconds,
  numberIn,
  OBJECT,
  oneOf,
  readOptions,
  WEIGHT,
  wholeIn,
} from '../check-options.ts'

/** How an endpoint is chosen among those that may be. */
export type Algorithm = 'p2c-ewma' | 'least-in-flight' | 'round-robin' | 'random' | 'ring-hash' | 'pick-first'

/** All algorithms. */
export const ALGORITHMS = [
  'p2c-ewma',
  'least-in-flight',
  'round-robin',
  'random',
  'ring-hash',
  'pick-first',
] as const satisfies readonly Algorithm[]

/** When an endpoint is set aside because its requests fail. */
export interface OutlierSettings {
  /** The number of failures in a row that ejects an endpoint. 0 switches outlier detection off. Default 5. */
  readonly failuresInRow: number
  /** The share of failures that also ejects an endpoint. Default 0.85. */
  readonly failureShare: number
  /** The share counts only with at least this number of requests within `windowMs`. Default 50. */
  readonly leastRequests: number
  /** Default 10,000 milliseconds. */
  readonly windowMs: number
  /** The share counts only with at least this number of endpoints. Default 5. */
  readonly leastEndpoints: number
  /** How long it is set aside, times the number of times in a row. Default 30,000 milliseconds. */
  readonly ejectMs: number
  /** Default 300,000 milliseconds. */
  readonly longestEjectMs: number
  /**
   * At most this share of the endpoints is set aside, but at least one may be. Default 1/3. More that only fail are avoided
   * for 1 second, 2, 4, and so on up to `ejectMs`, while anything else can be chosen.
   */
  readonly mostEjectedShare: number
}

/** When a failed request is sent to another endpoint. */
export interface RetrySettings {
  /** Attempts after the first one. One whose connection is refused does not count, unless this is 0. Default 2. */
  readonly most: number
  /** Retries per request. Default 0.2. */
  readonly budgetShare: number
  /** Retries per second besides. Default 10. */
  readonly budgetPerSecond: number
}

/** The balancer's settings for a service, with every default filled in. */
export interface Policy {
  /**
   * `p2c-ewma` (default): the better one of two random endpoints, by running requests and latency. `least-in-flight`: by
   * running requests alone. `round-robin`: smooth weighted. `random`: by weight. `ring-hash`: the same one for the same value
   * of `hashHeader`. `pick-first`: the first one by id.
   */
  readonly algorithm: Algorithm
  /** Request header for `ring-hash`, in lower case. Default `x-request-key`. */
  readonly hashHeader: string
  /** Time constant with which a measured latency is forgotten. Default 10,000 milliseconds. */
  readonly decayMs: number
  /** The latency that a failure counts as, at least. Default 1,000 milliseconds. */
  readonly penaltyMs: number
  /** How long a new or returned endpoint takes less than its share. Default 10,000 milliseconds; 0 switches it off. */
  readonly slowStartMs: number
  /** Endpoints that were set aside are used again if less than this share is left. Default 0.5. */
  readonly panicShare: number
  /** The own zone takes this many times its usable share of the requests, at most all. Default 1.4; 0 ignores zones. */
  readonly zoneFactor: number
  /** The number of endpoints that each process uses. Default 0: all. */
  readonly subsetSize: number
  /** Running requests of this process to the service. Default unlimited. */
  readonly maxInFlight: number
  /** Running requests of this process to each endpoint. Default unlimited. */
  readonly maxInFlightPerEndpoint: number
  readonly outliers: OutlierSettings
  readonly retries: RetrySettings
  /** Replaces the weight of endpoints by id; 0 drains one. Default none. */
  readonly overrides: Readonly<Record<string, { readonly weight: number }>>
  /** How long a request waits for a first endpoint. Default 2,000 milliseconds. */
  readonly waitForEndpointsMs: number
  /** Default 1,000 milliseconds. */
  readonly connectTimeoutMs: number
  /** Connections to each endpoint. Default 256. For new pools, as the following. */
  readonly connections: number
  /**
   * Number of connections opened to an endpoint together with its first request, for those that follow. Only for HTTP/1 and
   * without `createPool`. Default 0.
   */
  readonly warmConnections: number
  /** How long an idle connection is kept if the server says nothing. Default 4,000 milliseconds. */
  readonly keepAliveTimeoutMs: number
  /** At most, whatever the server says. Default 30,000 milliseconds. */
  readonly keepAliveMaxTimeoutMs: number
  /** How long requests to a removed endpoint, or any at `close`, may run. Default 30,000 milliseconds. */
  readonly drainMs: number
  /** The `host` header: the address of the endpoint (default) or the host name of the request. */
  readonly hostHeader: 'endpoint' | 'service'
}

/** The settings of a service; what is left out has its default. */
export type PolicySettings = {
  readonly [K in Exclude<keyof Policy, 'outliers' | 'retries'>]?: Policy[K] | undefined
} & {
  readonly outliers?: { readonly [K in keyof OutlierSettings]?: OutlierSettings[K] | undefined } | undefined
  readonly retries?: { readonly [K in keyof RetrySettings]?: RetrySettings[K] | undefined } | undefined
}

/** Settings by the name of the service; `default` is for all others. */
export type PolicySettingsByService = Readonly<Record<string, PolicySettings | undefined>>

const SHARE = numberIn(0, 1)
const LIMIT: Check = {
  accepts: (value) => value === Infinity || wholeIn(1, Number.MAX_SAFE_INTEGER).accepts(value),
  expected: 'a whole number from 1 on',
}

/** The check and the default of every setting that is a single value. */
export const POLICY_FIELDS = {
  algorithm: { check: oneOf(...ALGORITHMS), default: 'p2c-ewma' },
  hashHeader: {
    check: {
      accepts: (value: unknown) => typeof value === 'string' && /^[!#-'*+.^-z|~0-9-]+$/.test(value),
      expected: 'a header name in lower case',
    },
    default: 'x-request-key',
  },
  decayMs: { check: milliseconds(1), default: 10_000 },
  penaltyMs: { check: milliseconds(), default: 1_000 },
  slowStartMs: { check: milliseconds(), default: 10_000 },
  panicShare: { check: SHARE, default: 0.5 },
  zoneFactor: { check: numberIn(0, 100), default: 1.4 },
  subsetSize: { check: wholeIn(0, 1_000_000), default: 0 },
  maxInFlight: { check: LIMIT, default: Infinity },
  maxInFlightPerEndpoint: { check: LIMIT, default: Infinity },
  overrides: { check: OBJECT, default: {} },
  waitForEndpointsMs: { check: milliseconds(), default: 2_000 },
  connectTimeoutMs: { check: milliseconds(1), default: 1_000 },
  connections: { check: wholeIn(1, 1_000_000), default: 256 },
  warmConnections: { check: wholeIn(0, 10_000), default: 0 },
  keepAliveTimeoutMs: { check: milliseconds(1), default: 4_000 },
  keepAliveMaxTimeoutMs: { check: milliseconds(1), default: 30_000 },
  drainMs: { check: milliseconds(), default: 30_000 },
  hostHeader: { check: oneOf('endpoint', 'service'), default: 'endpoint' },
} as const satisfies {
  readonly [K in Exclude<keyof Policy, 'outliers' | 'retries'>]: {
    readonly check: Check
    readonly default: Policy[K]
  }
}

/** As `POLICY_FIELDS`, of `outliers`. */
export const OUTLIER_FIELDS = {
  failuresInRow: { check: wholeIn(0, 1_000_000), default: 5 },
  failureShare: { check: SHARE, default: 0.85 },
  leastRequests: { check: wholeIn(1, 1_000_000_000), default: 50 },
  windowMs: { check: milliseconds(1), default: 10_000 },
  leastEndpoints: { check: wholeIn(1, 1_000_000), default: 5 },
  ejectMs: { check: milliseconds(1), default: 30_000 },
  longestEjectMs: { check: milliseconds(1), default: 300_000 },
  mostEjectedShare: { check: SHARE, default: 1 / 3 },
} as const satisfies {
  readonly [K in keyof OutlierSettings]: { readonly check: Check; readonly default: number }
}

/** As `POLICY_FIELDS`, of `retries`. */
export const RETRY_FIELDS = {
  most: { check: wholeIn(0, 100), default: 2 },
  budgetShare: { check: SHARE, default: 0.2 },
  budgetPerSecond: { check: numberIn(0, 1_000_000), default: 10 },
} as const satisfies {
  readonly [K in keyof RetrySettings]: { readonly check: Check; readonly default: number }
}

type Field = { readonly check: Check; readonly default: unknown }

function checksOf(fields: Readonly<Record<string, Field>>): Checks<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([name, { check }]) => [name, check]))
}

function defaultsOf(fields: Readonly<Record<string, Field>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.default]))
}

const CHECKS = { ...checksOf(POLICY_FIELDS), outliers: OBJECT, retries: OBJECT }

/**
 * Validates settings and fills in the defaults.
 *
 * @throws DiscoveryError `invalid_option`
 */
export function resolvePolicy(where: string, settings: PolicySettings = {}): Policy {
  const given: Record<string, unknown> = readOptions(where, CHECKS, { ...settings } as Record<
    string,
    unknown
  >)
  const group = (name: string, fields: Readonly<Record<string, Field>>) => ({
    ...defaultsOf(fields),
    ...readOptions(`${where}: ${name}`, checksOf(fields), (given[name] ?? {}) as Record<string, unknown>),
  })
  const overrides = (given.overrides ?? {}) as Record<string, { readonly weight: number }>
  for (const [id, override] of Object.entries(overrides)) {
    assertAccepted(where, `overrides[${JSON.stringify(id)}]`, OBJECT, override)
    assertAccepted(where, `overrides[${JSON.stringify(id)}].weight`, WEIGHT, override.weight)
  }
  const policy = {
    ...defaultsOf(POLICY_FIELDS),
    ...given,
    outliers: Object.freeze(group('outliers', OUTLIER_FIELDS)),
    retries: Object.freeze(group('retries', RETRY_FIELDS)),
  }
  return Object.freeze(policy) as unknown as Policy
}
