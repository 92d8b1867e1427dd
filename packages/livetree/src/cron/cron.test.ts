import { createTestConfig, defineConfig, LivetreeError } from '@livetree/core'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { cron } from './index.ts'

const jobs = defineConfig({ name: 'jobs', schema: z.object({ at: cron().default('@daily') }) })

test.each([
  '*/5 * * * *',
  '0 3 * * MON-FRI',
  '0 0 1,15 * ?',
  '*/10 * * * * *',
  '@daily',
  '@Weekly',
  ' 0 0 L * * ',
])('cron: %j is taken as it is', async (at) => {
  await using config = await createTestConfig(jobs, { at })
  expect(config.current.at).toBe(at)
})

test.each([
  '',
  '* * * *',
  '60 * * * *',
  '* 25 * * *',
  'a b c d e',
  '2030-01-01T00:00:00',
  '@sometimes',
  '* * * * * * * *',
  `*/5 * * * ${' '.repeat(300)}*`,
  '5-1 * * * *',
])('cron: %j is refused with the forms that are taken', async (at) => {
  const error = await createTestConfig(jobs, { at }).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(LivetreeError)
  expect((error as LivetreeError).message).toContain('Expected a cron expression of five fields')
})

test('cron: a default, and what makes no text', async () => {
  await using config = await createTestConfig(jobs)
  expect(config.current.at).toBe('@daily')
  const error = await createTestConfig(jobs, { at: ['x'] } as never).catch((reason: unknown) => reason)
  expect((error as Error).message).toContain('Expected a cron expression')
})
