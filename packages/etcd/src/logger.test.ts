import { expect, test } from 'vitest'
import { guardLogger, type Logger } from './logger.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

test.each(LEVELS)('guardLogger: %s that throws, or rejects, is heard by nobody', async (level) => {
  let calls = 0
  const unhandled: unknown[] = []
  const hear = (reason: unknown): number => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  const fails = (): Promise<never> => {
    calls += 1
    if (calls === 1) throw new Error('the disk is full')
    return Promise.reject(new Error('the disk is full'))
  }
  const logger = { debug: fails, info: fails, warn: fails, error: fails } as unknown as Logger
  const guarded = guardLogger(logger)
  guarded[level]('a')
  guarded[level]('b')
  await new Promise((resolve) => setTimeout(resolve, 0))
  process.off('unhandledRejection', hear)
  expect({ calls, unhandled }).toEqual({ calls: 2, unhandled: [] })
})

test('guardLogger calls the methods of the logger on the logger', () => {
  class Lines implements Logger {
    readonly lines: string[] = []
    debug(message: string): void {
      this.lines.push(message)
    }
    info = this.debug
    warn = this.debug
    error = this.debug
  }
  const logger = new Lines()
  const guarded = guardLogger(logger)
  for (const level of LEVELS) guarded[level](level, { level })
  expect(logger.lines).toEqual([...LEVELS])
})
