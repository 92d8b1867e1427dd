import { createTestConfig, defineConfig, memory } from '@livetree/core'
import fastify from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import * as z from 'zod'
import { livetree } from './livetree-plugin.ts'

const shop = defineConfig({ name: 'shop', schema: z.object({ greeting: z.string() }) })

/** A Fastify whose log lines are kept. */
function createApp(logger: 'kept' | false) {
  const lines: { level: number; msg: string; config?: string; err?: { message: string } }[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const app = fastify(logger === 'kept' ? { logger: { stream } } : {})
  onTestFinished(() => app.close())
  return { app, lines }
}

function spyOnWarnings() {
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => spy.mockRestore())
  return spy
}

test("what nobody listens for goes to the app's log, and not to the process", async () => {
  const warnings = spyOnWarnings()
  const { app, lines } = createApp('kept')
  const config = await createTestConfig(shop, { greeting: 'hello' })
  await app.register(livetree, { config })
  config.watch(
    (c) => c.greeting,
    () => {
      throw new Error('cannot greet')
    },
  )
  config.set({ greeting: 'hi' })
  const line = lines.find(({ msg }) => /watch/.test(msg))
  expect(line).toMatchObject({ level: 50, config: 'shop', err: { message: 'cannot greet' } })
  config.reject()
  expect(lines.find(({ msg }) => /reject/.test(msg))).toMatchObject({ config: 'shop' })
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).not.toHaveBeenCalled()
})

test('an app without a log hides nothing: it goes to the process', async () => {
  const warnings = spyOnWarnings()
  const { app } = createApp(false)
  const source = memory({ greeting: 'hello' })
  const config = await shop.load({ sources: [source] })
  await app.register(livetree, { config })
  source.set({ greeting: undefined })
  await expect.poll(() => warnings.mock.calls.length).toBe(1)
})

test('a logger that was given to load stays the one, and silence is silence', async () => {
  const given = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  for (const logger of [given, false as const]) {
    const { app, lines } = createApp('kept')
    const config = await shop.load({ sources: [memory({ greeting: 'hello', typo: '1' })], logger })
    await app.register(livetree, { config })
    config.report(Object.assign(new Error('reported'), { code: 'internal' }) as never)
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toEqual([])
  }
  expect(given.error.mock.calls.length + given.warn.mock.calls.length).toBeGreaterThan(0)
})

test('an app that is over is not logged to', async () => {
  spyOnWarnings()
  const { app, lines } = createApp('kept')
  const config = await createTestConfig(shop, { greeting: 'hello' })
  onTestFinished(() => config.close())
  await app.register(livetree, { config, closeOnShutdown: false })
  await app.close()
  config.reject()
  expect(lines).toEqual([])
})
