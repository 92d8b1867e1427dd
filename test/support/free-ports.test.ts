import { expect, test } from 'vitest'
import { freePorts } from './free-ports.ts'

test('no port is given twice, although nobody has bound it yet', async () => {
  // of 2,000: by chance alone many of a thousand would be the same
  const ports = (await Promise.all(Array.from({ length: 50 }, () => freePorts(20)))).flat()
  expect(ports.length).toBe(1_000)
  expect(new Set(ports).size).toBe(1_000)
})
