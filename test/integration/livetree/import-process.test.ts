import { expect, test } from 'vitest'
import { runNode } from '../../support/run-node.ts'

test('importing livetree loads neither undici nor a parser; the first call loads undici', async () => {
  const { code, output } = await runNode(new URL('./import-process.ts', import.meta.url), {})
  expect(output).toBe('imported: \ncalled: undici\n')
  expect(code).toBe(0)
})
