import { afterEach } from 'vitest'

/** A list of what to close. After each test all of it is closed, the newest first. */
export function closedAfterEach(): (() => Promise<void>)[] {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
  return closing
}
