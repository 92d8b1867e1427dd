import { useCallback, useEffect, useState } from 'preact/hooks'
import type { ErrorView } from '../../src/wire/index.ts'
import { errorView } from '../api.ts'

/** What was loaded, or why not. While it is loaded again, what was there before stays. */
export interface Loaded<R> {
  readonly data: R | undefined
  readonly error: ErrorView | undefined
  readonly isLoading: boolean
  readonly again: () => void
}

/**
 * Loads data, and again whenever one of the keys is another.
 *
 * @param load undefined: nothing
 */
export function useLoaded<R>(
  load: ((signal: AbortSignal) => Promise<R>) | undefined,
  keys: readonly unknown[],
): Loaded<R> {
  const [state, setState] = useState<Omit<Loaded<R>, 'again'>>(NOTHING)
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (load === undefined) return setState(NOTHING)
    const stop = new AbortController()
    setState((before) => ({ ...before, isLoading: true }))
    load(stop.signal).then(
      (data) => stop.signal.aborted || setState({ data, error: undefined, isLoading: false }),
      (reason) =>
        stop.signal.aborted || setState({ data: undefined, error: errorView(reason), isLoading: false }),
    )
    return () => stop.abort()
  }, [...keys, round])
  const again = useCallback(() => setRound((before) => before + 1), [])
  return { ...state, again }
}

const NOTHING = { data: undefined, error: undefined, isLoading: false }
