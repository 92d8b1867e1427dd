import { EtcdError } from '../errors.ts'
import { LONGEST_MS } from '../refuse-option.ts'
import { parseEndpoint } from './endpoint-url.ts'
import type { CallOptions } from './transport.ts'

/** Values are not shown: they may hold whatever a caller mixed up. */
function kindOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : value === null ? 'null' : `of type ${typeof value}`
}

function refuse(call: string, what: string, remedy?: string): EtcdError {
  return new EtcdError('invalid_argument', { call, what, remedy, fate: 'not_sent' })
}

function hasMethods(value: unknown, ...names: string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return names.every((name) => typeof Reflect.get(value, name) === 'function')
}

function endpointOf(call: string, endpoint: unknown, isTls: boolean): string {
  try {
    return parseEndpoint(endpoint, isTls)
  } catch (error) {
    const { what, remedy } = error as EtcdError
    throw refuse(call, what, remedy)
  }
}

/**
 * The options of one call, checked, the endpoint as a plain URL. What is `undefined` is no option at all.
 *
 * @throws EtcdError `invalid_argument`
 */
export function checkCallOptions<Options extends CallOptions>(
  options: Options,
  call: string,
  isTls: boolean,
): Options {
  const { timeoutMs, signal, onRetry, clusterId, endpoint } = options
  if (
    timeoutMs !== undefined &&
    !(typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= LONGEST_MS)
  ) {
    throw refuse(
      call,
      `timeoutMs is ${kindOf(timeoutMs)}, not a number of milliseconds from 0 to ${LONGEST_MS}`,
    )
  }
  if (signal !== undefined && !hasMethods(signal, 'addEventListener', 'removeEventListener')) {
    throw refuse(call, `signal is ${kindOf(signal)}, not an AbortSignal`)
  }
  if (onRetry !== undefined && typeof onRetry !== 'function') {
    throw refuse(call, `onRetry is ${kindOf(onRetry)}, not a function`)
  }
  if (clusterId !== undefined && typeof clusterId !== 'bigint') {
    throw refuse(call, `clusterId is ${kindOf(clusterId)}, not a bigint`)
  }
  return endpoint === undefined ? options : { ...options, endpoint: endpointOf(call, endpoint, isTls) }
}
