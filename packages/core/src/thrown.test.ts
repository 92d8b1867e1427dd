import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import { LivetreeError } from './errors.ts'
import { memory } from './source/memory.ts'
import type { Source } from './source/source.ts'
import { createManualSource } from './testing/manual-source.ts'
import { errorOf, framesOf, kindOf, messageOf, readableCause } from './thrown.ts'
import { toLogger } from './to-logger.ts'
import { UNREADABLE } from './unreadable.test.kit.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(0) }) })
const cases = Object.entries(UNREADABLE)

describe.each(cases)('%s', (_name, make) => {
  it('is described in a few words', () => {
    for (const words of [messageOf(make()), kindOf(make()), framesOf(make())]) {
      expect(words).toBeTypeOf('string')
      expect(words.length).toBeLessThan(10_100)
    }
    expect(messageOf(make())).not.toBe('')
  })

  it('becomes an error that everybody can print', () => {
    for (const error of [errorOf(make()), new LivetreeError('internal', 'Failed.', { cause: make() })]) {
      expect(error).toBeInstanceOf(Error)
      for (const text of [error.name, error.message, error.stack, inspect(error), String(error)])
        expect(text).toBeTypeOf('string')
      expect(() => inspect(error.cause)).not.toThrow()
    }
  })

  it('reaches every kind of logger', () => {
    const methods = { debug: () => {}, info: () => {}, warn: () => {} }
    const said: string[] = []
    const error = (...args: unknown[]) => void said.push(inspect(args))
    const failures: unknown[] = []
    const cause = readableCause(make())
    for (const logger of [
      { ...methods, error },
      { log: () => {}, warn: () => {}, error },
      { ...methods, error, child: () => {}, fatal: () => {}, trace: () => {} },
      { log: error, child: () => {}, transports: [] },
    ]) {
      toLogger(logger as never, (failure) => failures.push(failure)).error('It failed', { cause })
      toLogger(logger as never, (failure) => failures.push(failure)).error('It failed', { cause: make() })
    }
    expect(said.length).toBeGreaterThanOrEqual(4)
    expect(said.every((text) => text.includes('It failed'))).toBe(true)
  })

  it('is the reason of a loss that counts', async () => {
    const source = createManualSource({ name: 'etcd' })
    const loading = definition.load({ sources: [source], logger: false })
    source.replace(1, {})
    const config = await loading
    source.sink.lost({ error: make() as Error, isFinal: true })
    await expect.poll(() => config.status.sources[0]?.state).toBe('lost')
    expect(config.status.sources[0]?.lastError?.message).toBeTypeOf('string')
    await config.close()
  })

  it('out of close(), refresh() and an abort reason comes back as an error of ours', async () => {
    const reject = () => Promise.reject(make())
    const source: Source = {
      name: 'own',
      isRemote: true,
      layers: [{ name: 'own', keyPrefix: '', separator: '/', naming: 'exact' }],
      open({ sink }) {
        sink.replace({ revision: 1, epoch: 0, layers: [[]] })
        return { refresh: reject, close: reject }
      },
    }
    const config = await definition.load({ sources: [source, memory({})], logger: false })
    const failures: LivetreeError[] = []
    config.on('error', (error) => void failures.push(error))
    await expect(config.refresh()).rejects.toBeInstanceOf(LivetreeError)
    const stop = new AbortController()
    const changed = config.changed({ signal: stop.signal })
    stop.abort(make())
    await expect(changed).rejects.toBeInstanceOf(LivetreeError)
    config.report(make() as LivetreeError)
    await config.close()
    for (const { code, message } of failures)
      expect([code, message]).toEqual([expect.any(String), expect.any(String)])
    expect(failures.some(({ message }) => message.includes('could not be closed'))).toBe(true)
  })

  it('out of the schema is an issue like any other', async () => {
    const schema = z.object({
      a: z.number().transform((a) => {
        if (a === 2) throw make()
        return a
      }),
    })
    const local = memory({ a: 1 })
    const config = await defineConfig({ name: 'shop', schema }).load({ sources: [local], logger: false })
    const failures: unknown[] = []
    config.on('error', (error) => failures.push(error))
    local.set({ a: 2 })
    expect(config.status.rejected?.issues[0]?.message).toContain("The schema's own code threw")
    local.set({ a: 3 })
    expect([config.current.a, failures]).toEqual([3, []])
    await config.close()
  })
})

describe('what can be read', () => {
  it.each([
    ['an error', new TypeError('wrong')],
    ['an error with a cause', new Error('outer', { cause: new Error('inner') })],
    ['ours', new LivetreeError('closed', 'It is closed.')],
  ])('stays what it is: %s', (_name, error) => {
    expect(errorOf(error)).toBe(error)
    expect(readableCause(error)).toBe(error)
  })

  it('keeps the errors of several attempts', () => {
    const several = new AggregateError([new Error('first'), new Error(''), new Error('first')], '')
    expect(messageOf(several)).toBe('first; Error')
  })

  it('is no error and is kept as the cause', () => {
    expect(errorOf('plain')).toMatchObject({ message: 'plain', cause: 'plain' })
    expect(readableCause(undefined)).toBeUndefined()
  })
})
