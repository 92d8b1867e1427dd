import {
  assertAccepted,
  type Check,
  type Checks,
  FLAG,
  having,
  milliseconds,
  OBJECT,
  readOptions,
} from './check-options.ts'

/** The options of adapters of frameworks, besides those of `register`. */
interface AdapterSettings {
  readonly discovery: unknown
  readonly register: unknown
  readonly services: unknown
  readonly propagationMs: unknown
  readonly return503OnClosing: unknown
}

const LIST: Check = { accepts: Array.isArray, expected: 'a list' }

const CHECKS: Checks<AdapterSettings> = {
  discovery: having('what createDiscovery returned', 'register', 'openService'),
  register: OBJECT,
  services: LIST,
  propagationMs: milliseconds(),
  return503OnClosing: FLAG,
}

/**
 * For adapters of frameworks: judges the options that are not those of `register`. `names` are those that the adapter has;
 * `where` names the call in the error.
 *
 * @throws DiscoveryError `invalid_option`, also for another option, and without `discovery`
 */
export function assertAdapterOptions(
  where: string,
  names: readonly (keyof AdapterSettings)[],
  given: object,
): void {
  const checks = Object.fromEntries(names.map((name) => [name, CHECKS[name]])) as Checks<AdapterSettings>
  const { discovery } = readOptions(where, checks, given as AdapterSettings)
  assertAccepted(where, 'discovery', CHECKS.discovery, discovery)
}
