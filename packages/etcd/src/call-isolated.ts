/**
 * Calls user code. What it throws or rejects with is passed to `onError`; what `onError` itself throws, for
 * example a user's logger, is discarded. Never throws.
 */
export function callIsolated(call: () => unknown, onError: (error: unknown) => void): void {
  const report = (error: unknown): void => {
    try {
      onError(error)
    } catch {
      // There is nobody left to report to.
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
