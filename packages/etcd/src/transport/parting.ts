import type { EtcdError } from '../errors.ts'
import { cancelledError } from './call-errors.ts'
import type { CallContext, OpenCall } from './call-context.ts'

/** The error for a closed client, if the client is closed for this kind of call. */
export function closedFor(
  { closed, isOver }: CallContext,
  { isParting = false }: { readonly isParting?: boolean },
): EtcdError | undefined {
  return isParting && !isOver ? undefined : closed
}

/** The error of a call that cannot start, because the client is closed or the call's signal has aborted. */
export function refusedStart(
  context: CallContext,
  options: { readonly isParting?: boolean; readonly signal?: AbortSignal },
  state: Parameters<typeof cancelledError>[0],
): EtcdError | undefined {
  const { signal } = options
  const aborted = signal?.aborted ? cancelledError(state, signal.reason) : undefined
  return closedFor(context, options)?.with({ call: state.call, fate: 'not_sent' }) ?? aborted
}

/** The set that holds this kind of call until it ends. */
export function openCalls(
  { open, parting }: CallContext,
  { isParting = false }: { readonly isParting?: boolean },
): Set<OpenCall> {
  return isParting ? parting : open
}
