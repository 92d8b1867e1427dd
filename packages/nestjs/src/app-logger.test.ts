import { createTestConfig } from '@livetree/core'
import { Injectable, type LoggerService } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { LivetreeModule, OnConfigChange } from './index.ts'
import { openConfig, shop } from './shop-app.test.kit.ts'

class KeptLog implements LoggerService {
  readonly lines: string[] = []
  log = (...said: unknown[]) => void this.lines.push(`log ${said.join(' ')}`)
  warn = (...said: unknown[]) => void this.lines.push(`warn ${said.join(' ')}`)
  error = (...said: unknown[]) => void this.lines.push(`error ${said.join(' ')}`)
}

function spyOnWarnings() {
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => spy.mockRestore())
  return spy
}

test("a handler that throws or rejects is seen in the app's log, once", async () => {
  const warnings = spyOnWarnings()
  @Injectable()
  class Broken {
    @OnConfigChange(shop, (c) => c.greeting)
    throws() {
      throw new Error('cannot greet')
    }
    @OnConfigChange(shop, (c) => c.greeting)
    async rejects() {
      throw new Error('cannot greet later')
    }
  }
  const config = await openConfig()
  const logger = new KeptLog()
  const imports = [LivetreeModule.forRoot({ config }), LivetreeModule.forRoot({ config })]
  const root = { module: class AppModule {}, imports, providers: [Broken] }
  const app = await NestFactory.createApplicationContext(root, { logger })
  onTestFinished(() => app.close())
  config.set({ greeting: 'hi' })
  const errors = () => logger.lines.filter((line) => line.startsWith('error'))
  await expect.poll(errors).toHaveLength(2)
  expect(errors().join()).toMatch(/livetree/i)
  expect(errors().join()).toContain('config: shop')
  expect(errors().join()).toContain('cannot greet later')
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).not.toHaveBeenCalled()
})

test('an app that is over is not logged to', async () => {
  spyOnWarnings()
  const config = await createTestConfig(shop, { greeting: 'hello', db: { max: 1 } })
  onTestFinished(() => config.close())
  const logger = new KeptLog()
  const root = LivetreeModule.forRoot({ config, closeOnShutdown: false })
  const app = await NestFactory.createApplicationContext(root, { logger })
  await app.close()
  const before = logger.lines.length
  config.reject()
  expect(logger.lines.slice(before)).toEqual([])
})
