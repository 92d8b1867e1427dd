import { setTimeout as sleep } from 'node:timers/promises'

/** Options of {@link waitFor}. */
export interface WaitOptions {
  /** How long to wait before giving up. Default 45,000: on a busy machine what holds in the end may need far longer than usual. */
  readonly timeoutMs?: number
  /** What is awaited, for the message when it does not come. */
  readonly what?: string
}

/**
 * Waits until a condition holds, and returns its value. The condition is asked every few milliseconds; a condition
 * that throws does not hold yet.
 *
 * @throws Error that names what was awaited and how the last try ended.
 */
export async function waitFor<Value>(
  condition: () => Value | Promise<Value>,
  options: WaitOptions = {},
): Promise<NonNullable<Value>> {
  const { timeoutMs = 45_000, what = 'the condition' } = options
  const until = performance.now() + timeoutMs
  let last: unknown
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 25)) {
    try {
      const value = await condition()
      if (value) return value
      last = value
    } catch (error) {
      last = error
    }
    if (performance.now() > until) {
      throw new Error(`Waited ${timeoutMs} ms for ${what}; last seen: ${last}`, { cause: last })
    }
    await sleep(pauseMs)
  }
}
