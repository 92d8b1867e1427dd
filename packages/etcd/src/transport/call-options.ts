import { type Check, FUNCTION, hasMethods, MEMBER_ID, oneOf, SIGNAL } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import { LONGEST_MS, shown } from '../refuse-option.ts'
import type { Method } from '../wire/rpc.ts'
import { callName } from './call-name.ts'
import { parseEndpoint } from './endpoint-url.ts'
import { Sendings } from './sendings.ts'
import type { StreamOptions } from './stream-call.ts'
import type { StreamHandlers } from './transport.ts'
import type { UnaryOptions } from './unary-request.ts'

function refuse(call: string | undefined, what: string, remedy?: string, cause?: unknown): EtcdError {
  return new EtcdError('invalid_argument', { call, what, remedy, fate: 'not_sent', cause })
}

const FLAG: Check = { accepts: (value) => typeof value === 'boolean', expected: 'true or false' }

/** 0 means that no time remains. */
const TIMEOUT: Check = {
  accepts: (value) => typeof value === 'number' && value >= 0 && value <= LONGEST_MS,
  expected: `a number of milliseconds from 0 to ${LONGEST_MS}`,
}

/** The options of unary calls and streams. `endpoint` is validated when it is parsed. */
const CHECKS: Readonly<Record<Exclude<keyof (UnaryOptions & StreamOptions), 'endpoint'>, Check>> = {
  timeoutMs: TIMEOUT,
  signal: SIGNAL,
  requireLeader: FLAG,
  onRetry: FUNCTION,
  clusterId: MEMBER_ID,
  retry: oneOf('read', 'write'),
  avoid: { accepts: (value) => typeof value === 'string', expected: 'a text' },
  isAnonymous: FLAG,
  isParting: FLAG,
  isPatient: FLAG,
  onSent: FUNCTION,
  roomMs: TIMEOUT,
  avoidAll: { accepts: (value) => value instanceof Set, expected: 'a set of URLs' },
  sendings: { accepts: (value) => value instanceof Sendings, expected: 'a count of requests' },
}

const NAMES = [...Object.keys(CHECKS), 'endpoint']

function endpointOf(call: string, endpoint: unknown, isTls: boolean): string {
  try {
    return parseEndpoint(endpoint, isTls)
  } catch (error) {
    const { what, remedy } = error as EtcdError
    throw refuse(call, what, remedy)
  }
}

/** Describes a value for an error. An id is shown because it is no secret; text may be one. */
function named(value: unknown): string {
  return typeof value === 'bigint' ? String(value).slice(0, 40) : shown(value)
}

/**
 * Reads the options of one call once and validates them; the endpoint becomes a plain URL. `undefined` counts
 * as not given.
 *
 * @throws EtcdError `invalid_argument`
 */
export function checkCallOptions<Options extends UnaryOptions & StreamOptions>(
  options: Options,
  call: string,
  isTls: boolean,
): Options {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw refuse(call, `the options are ${shown(options)}, not an object`)
  }
  const read: Record<string, unknown> = {}
  for (const name in options) {
    const value: unknown = options[name]
    if (value === undefined) continue
    const check = (CHECKS as Record<string, Check | undefined>)[name]
    if (name === 'endpoint') read[name] = endpointOf(call, value, isTls)
    else if (check === undefined) {
      throw refuse(call, `there is no option ${name.slice(0, 100)}, only ${NAMES.join(', ')}`)
    } else if (check.accepts(value)) read[name] = value
    else throw refuse(call, `${name} is ${named(value)}, not ${check.expected}`)
  }
  return read as Options
}

/**
 * Validates a method and returns the name of its call.
 *
 * @throws EtcdError `invalid_argument`
 */
export function checkMethod<Req, Res>(method: Method<Req, Res>): string {
  const { path, request, response } = Object(method) as Partial<Method<Req, Res>>
  const isPath = typeof path === 'string' && /^\/[\w.]+\/\w+$/.test(path)
  if (isPath && hasMethods(request, 'encode') && hasMethods(response, 'decode')) return callName(path)
  const what =
    'the method is invalid: it needs a path such as /etcdserverpb.KV/Range, request with encode and response with decode'
  throw refuse(undefined, what, 'Take it from @livetree/etcd/wire, or make one with the same parts.')
}

/** @throws EtcdError `invalid_argument` for handlers that are not functions */
export function checkHandlers(handlers: StreamHandlers<never>, call: string): void {
  const { onPart } = Object(handlers) as Partial<StreamHandlers<never>>
  if (hasMethods(handlers, 'onMessage', 'onEnd') && (onPart === undefined || typeof onPart === 'function'))
    return
  throw refuse(call, 'the handlers are not an object with the functions onMessage and onEnd')
}

/**
 * Runs a check and turns what a getter or a proxy throws into `invalid_argument`.
 *
 * @throws EtcdError `invalid_argument`
 */
export function guardCheck<T>(check: () => T): T {
  try {
    return check()
  } catch (cause) {
    throw cause instanceof EtcdError
      ? cause
      : refuse(undefined, 'the arguments of the call cannot be read', undefined, cause)
  }
}
