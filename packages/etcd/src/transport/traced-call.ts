import { monotonicNow } from '../clock.ts'
import { type CallMessage, CALLS } from '../diagnostics.ts'
import type { EtcdErrorCode } from '../error-codes.ts'
import type { ResponseHeader, ResponseOp } from '../wire/kv.ts'
import type { CallContext } from './call-context.ts'
import { callName } from './call-name.ts'
import { UnaryCall } from './unary-call.ts'
import type { Caller, UnaryRequest } from './unary-request.ts'

/**
 * Starts a call, and publishes its start and its result. `start` is published in the asynchronous context of the caller, before
 * anything else happens.
 */
export function startTraced<Res>(
  context: CallContext,
  request: UnaryRequest<Res>,
  caller: Caller<Res>,
): void {
  const { clock, clientName, balancer } = context
  const since = monotonicNow(clock)
  const message: CallMessage = {
    client: clientName,
    method: callName(request.path),
    startedAt: clock.now(),
    code: undefined,
    durationMs: undefined,
    endpoint: undefined,
    store: balancer.identity.clusterId?.toString(16),
    wrote: undefined,
  }
  const settle = (code: 'ok' | EtcdErrorCode, endpoint: string | undefined, deliver: () => void): void => {
    message.code = code
    message.durationMs = monotonicNow(clock) - since
    message.endpoint = endpoint
    if (code !== 'ok') CALLS.error.publish(message)
    CALLS.asyncStart.publish(message)
    deliver()
    CALLS.asyncEnd.publish(message)
  }
  const call = new UnaryCall(context, request, {
    resolve: (answer, endpoint) => {
      message.wrote = writtenBy(request.path, answer)
      settle('ok', endpoint, () => caller.resolve(answer, endpoint))
    },
    reject: (error) => settle(error.code, error.endpoint, () => caller.reject(error)),
  })
  CALLS.start.runStores(message, () => call.start())
  CALLS.end.publish(message)
}

/** What the messages that answer writes have in common. */
interface Written {
  readonly header?: ResponseHeader
  readonly deleted?: number
  readonly responses?: readonly ResponseOp[]
}

/** The revision that a call has written, if it wrote: a transaction may only have read, a deletion may have found nothing. */
function writtenBy(path: string, answer: unknown): CallMessage['wrote'] {
  const { header, ...written } = answer as Written
  if (header === undefined || !hasWritten(callName(path), written)) return undefined
  return Object.freeze({ revision: header.revision, store: header.clusterId.toString(16) })
}

function hasWritten(method: string, { deleted = 0, responses = [] }: Omit<Written, 'header'>): boolean {
  if (method === 'KV/Put') return true
  if (method === 'KV/DeleteRange') return deleted > 0
  return method === 'KV/Txn' && responses.some(isWrite)
}

function isWrite({ response }: ResponseOp): boolean {
  if (response?.type === 'put') return true
  if (response?.type === 'deleteRange') return response.value.deleted > 0
  return response?.type === 'txn' && response.value.responses.some(isWrite)
}
