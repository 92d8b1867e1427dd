import { onAbort } from '../on-abort.ts'

/** An async iterator for `for await`. Leaving the loop aborts the requests in progress. */
export interface AbortableIterator<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  return(): Promise<IteratorReturnResult<undefined>>
}

/** Returns an `AbortController` that follows another signal until `release` is called. */
export function following(signal: AbortSignal | undefined): {
  readonly stop: AbortController
  release(): void
} {
  const stop = new AbortController()
  const follow = (): void => stop.abort(signal?.reason)
  if (signal?.aborted) follow()
  const release = signal === undefined ? () => undefined : onAbort(signal, follow)
  return { stop, release }
}

/**
 * Wraps an async generator so that `return()` aborts what the generator waits for instead of waiting for it;
 * a pending `next()` then resolves as done. No listener is added before the first `next()`.
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
): AbortableIterator<T> {
  let isLeft = false
  let abort = (): void => undefined
  async function* guarded(): AsyncGenerator<T, undefined, undefined> {
    const { stop, release } = following(signal)
    abort = () => stop.abort()
    try {
      if (!isLeft) yield* run(stop.signal)
    } catch (error) {
      if (!isLeft) throw error
    } finally {
      release()
      stop.abort()
    }
    return undefined
  }
  const values = guarded()
  const leave = async (): Promise<IteratorReturnResult<undefined>> => {
    isLeft = true
    abort()
    await values.return(undefined)
    return { done: true, value: undefined }
  }
  return {
    next: () => values.next(),
    return: leave,
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      await leave()
    },
  }
}
