import { type Dispatcher, Dispatcher1Wrapper } from 'undici'

/** Sends a request. */
export type Dispatch = (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => boolean

/** The same for the handlers of undici 7 and before too, so that Node's own `fetch` works. */
export function takingOlderHandlers(dispatch: Dispatch): Dispatch {
  const older = new Dispatcher1Wrapper({ dispatch } as Dispatcher)
  return (options, handler) =>
    typeof handler.onRequestStart === 'function'
      ? dispatch(options, handler)
      : older.dispatch(options, handler)
}
