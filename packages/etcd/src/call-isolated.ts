/**
 * Calls something of the user's. What it throws, or rejects with, goes to `onError` and nowhere else; what `onError`
 * itself throws, a logger of the user's for one, goes nowhere.
 */
export function callIsolated(call: () => unknown, onError: (error: unknown) => void): void {
  const report = (error: unknown): void => {
    try {
      onError(error)
    } catch {
      // nobody is left to be told
    }
  }
  try {
    const result = call()
    if (typeof result === 'object' && result !== null && 'then' in result)
      Promise.resolve(result).catch(report)
  } catch (error) {
    report(error)
  }
}
