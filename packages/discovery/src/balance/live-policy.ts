import { assertAccepted, FUNCTION, having, OBJECT, refuse } from '../check-options.ts'
import { SERVICE_NAME } from '../record/service-name.ts'
import type { Reports } from '../reports.ts'
import { type Policy, type PolicySettings, type PolicySettingsByService, resolvePolicy } from './policy.ts'

/** What is used of a live configuration: livetree's `LiveConfig` is one, and so is anything else of this shape. */
export interface PolicyConfig<Value> {
  readonly current: Value
  watch(
    select: (value: Value) => PolicySettingsByService,
    handler: (settings: PolicySettingsByService) => void,
  ): unknown
}

/** Settings that follow a configuration. Created by `livePolicy`. */
export class LivePolicy {
  readonly #read: () => PolicySettingsByService
  readonly #watch: (onChange: () => void) => unknown

  constructor(read: () => PolicySettingsByService, watch: (onChange: () => void) => unknown) {
    this.#read = read
    this.#watch = watch
  }

  read(): PolicySettingsByService {
    return this.#read()
  }

  /** Calls `onChange` after each change. What it returns ends that, if it is a function. */
  watch(onChange: () => void): unknown {
    return this.#watch(onChange)
  }
}

/**
 * Takes the balancer's settings from a part of a live configuration. A change applies to the next request; what the balancer
 * has learnt is kept.
 *
 * @throws DiscoveryError `invalid_option`
 */
export function livePolicy<Value>(
  source: PolicyConfig<Value>,
  select: (value: Value) => PolicySettingsByService,
): LivePolicy {
  if (!having('', 'watch').accepts(source))
    throw refuse('livePolicy', 'the source is not a live configuration')
  if (!FUNCTION.accepts(select)) throw refuse('livePolicy', 'the selector is not a function')
  return new LivePolicy(
    () => select(source.current),
    (onChange) => source.watch(select, onChange),
  )
}

/** The name of the settings for services that have none of their own. */
const DEFAULT = 'default'

/** The policies of all services, resolved once for each version of the settings. */
export class Policies {
  readonly #given: PolicySettingsByService | LivePolicy
  readonly #reports: Reports
  readonly #unwatch: unknown
  #resolved: ReadonlyMap<string, Policy>

  /** @throws DiscoveryError `invalid_option` */
  constructor(where: string, given: PolicySettingsByService | LivePolicy = {}, reports: Reports) {
    this.#given = given
    this.#reports = reports
    if (!OBJECT.accepts(given)) throw refuse(where, 'policy is not an object of settings by service')
    this.#resolved = resolveAll(given instanceof LivePolicy ? read(where, given) : given)
    this.#unwatch = given instanceof LivePolicy ? given.watch(() => this.#follow(given)) : undefined
  }

  of(service: string): Policy {
    return this.#resolved.get(service) ?? this.#resolved.get(DEFAULT) ?? FALLBACK
  }

  close(): void {
    if (this.#given instanceof LivePolicy && typeof this.#unwatch === 'function') this.#unwatch()
  }

  #follow(live: LivePolicy): void {
    try {
      this.#resolved = resolveAll(live.read())
    } catch (error) {
      this.#reports.warn('The new policy is not usable; the last one stays', { error })
    }
  }
}

const FALLBACK = resolvePolicy('policy')

/** @throws DiscoveryError `invalid_option` if the selector throws */
function read(where: string, live: LivePolicy): PolicySettingsByService {
  try {
    return live.read()
  } catch (cause) {
    throw refuse(where, 'the selector of the live policy has thrown', cause)
  }
}

function resolveAll(settings: PolicySettingsByService): Map<string, Policy> {
  if (!OBJECT.accepts(settings ?? {})) throw refuse('policy', 'it is not an object of settings by service')
  const entries = Object.entries(settings ?? {})
  return new Map(entries.map(([service, each]) => [service, resolveOne(service, each)]))
}

function resolveOne(service: string, settings: PolicySettings | undefined): Policy {
  assertAccepted('policy', 'the name of a service', SERVICE_NAME, service)
  if (!OBJECT.accepts(settings ?? {})) throw refuse(`policy of ${service}`, 'it is not an object of settings')
  return resolvePolicy(`policy of ${service}`, settings ?? {})
}
