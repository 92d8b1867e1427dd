import { afterEach, beforeEach } from 'vitest'

/**
 * Collects the rejections that nobody handles during each test of the file that calls this, in place of whoever listens to
 * them otherwise. The list is empty again before each test.
 */
export function collectUnhandled(): readonly unknown[] {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  let others: NodeJS.UnhandledRejectionListener[] = []
  beforeEach(() => {
    unhandled.length = 0
    others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
  })
  afterEach(() => {
    process.removeListener('unhandledRejection', note)
    for (const listener of others) process.on('unhandledRejection', listener)
  })
  return unhandled
}
