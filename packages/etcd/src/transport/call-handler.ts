import type { Dispatcher } from 'undici'

/** Receives what happens to one call. */
export interface CallHandler extends Dispatcher.DispatchHandler {
  /** The connection is left, since the peer answers nothing any more. A call that may be repeated goes elsewhere. */
  onSilent?(): void
}
