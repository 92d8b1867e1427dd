/** Calls something of the user's: what it throws, or rejects with, goes to `onError` and nowhere else. */
export const callIsolated = (call: () => unknown, onError: (error: unknown) => void): void => {
  try {
    const result = call()
    if (result instanceof Promise) result.catch(onError)
  } catch (error) {
    onError(error)
  }
}
