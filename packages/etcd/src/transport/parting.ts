import type { EtcdError } from '../errors.ts'
import type { CallContext, OpenCall } from './call-context.ts'

/** The client's end, as far as it is one for such a call. */
export function closedFor(
  { closed, isOver }: CallContext,
  { isParting = false }: { readonly isParting?: boolean },
): EtcdError | undefined {
  return isParting && !isOver ? undefined : closed
}

/** Where such a call is kept until it ends. */
export function openCalls(
  { open, parting }: CallContext,
  { isParting = false }: { readonly isParting?: boolean },
): Set<OpenCall> {
  return isParting ? parting : open
}
