import type { EtcdError } from '../errors.ts'
import type { CallContext, OpenCall } from './call-context.ts'

/** The error for a closed client, if the client is closed for this kind of call. */
export function closedFor(
  { closed, isOver }: CallContext,
  { isParting = false }: { readonly isParting?: boolean },
): EtcdError | undefined {
  return isParting && !isOver ? undefined : closed
}

/** The set that holds this kind of call until it ends. */
export function openCalls(
  { open, parting }: CallContext,
  { isParting = false }: { readonly isParting?: boolean },
): Set<OpenCall> {
  return isParting ? parting : open
}
