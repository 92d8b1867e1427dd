import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LiveConfig } from '../live-config.ts'
import type { Source, SourceConnection, SourceSink } from '../source/source.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { createTestClock } from '../testing/test-clock.ts'

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(1) }) })

/** An error whose message ends like a sentence, as those of livetree and of many drivers do. */
const sentence = () => new Error('The disk is gone.')

function sourceOf(connection: Partial<SourceConnection>, whenOpen?: (sink: SourceSink) => void): Source {
  return {
    name: 'own',
    layers: [{ name: 'own', keyPrefix: '', separator: '/', naming: 'exact', isNested: true }],
    isRemote: true,
    open({ sink }) {
      sink.replace({ revision: 1, epoch: 0, layers: [[]], allowRemoval: true })
      whenOpen?.(sink)
      return { refresh: async () => {}, close: async () => {}, ...connection }
    },
  }
}

type Said = (texts: string[]) => Promise<unknown>

async function loaded(source: Source, texts: string[], options = {}): Promise<LiveConfig<unknown>> {
  const say = (message: string) => void texts.push(message)
  const logger = { debug: say, info: say, warn: say, error: say }
  const config = await definition.load({ sources: [source], logger, ...options })
  onTestFinished(() => config.close())
  return config
}

const rejecting = (promise: Promise<unknown>, texts: string[]) =>
  promise.then(
    () => undefined,
    (error: Error) => void texts.push(error.message),
  )

test.each<[string, Said]>([
  [
    'a source that throws in open()',
    async (texts) => {
      const source = sourceOf({}, () => {
        throw sentence()
      })
      await rejecting(definition.load({ sources: [source] }), texts)
    },
  ],
  [
    'a source that cannot refresh',
    async (texts) => {
      const config = await loaded(sourceOf({ refresh: () => Promise.reject(sentence()) }), texts)
      await rejecting(config.refresh(), texts)
    },
  ],
  [
    'a source that cannot be closed',
    async (texts) => {
      const config = await loaded(sourceOf({ close: () => Promise.reject(sentence()) }), texts)
      await config.close()
    },
  ],
  [
    'a source that does not close',
    async (texts) => {
      const clock = createTestClock()
      const never = () => new Promise<never>(() => {})
      const config = await loaded(sourceOf({ close: never }), texts, { clock })
      const closing = config.close()
      await clock.advance(5_000)
      await closing
      expect(texts.filter((text) => text.split('source_broken').length > 2)).toEqual([])
    },
  ],
  [
    'a source that is lost',
    async (texts) => {
      const config = await loaded(
        sourceOf({}, (sink) => sink.lost({ error: sentence(), isFinal: false })),
        texts,
      )
      texts.push(config.health.reason ?? '')
      await config.close()
    },
  ],
  [
    'a source that is lost before its first tree',
    async (texts) => {
      const source = {
        ...sourceOf({}),
        open: ({ sink }: { sink: SourceSink }) => {
          sink.lost({ error: sentence(), isFinal: false })
          return { refresh: async () => {}, close: async () => {} }
        },
      }
      await rejecting(definition.load({ sources: [source], startup: { timeoutMs: 20 } }), texts)
    },
  ],
  [
    'a resource that fails beside another',
    async (texts) => {
      await using config = await createTestConfig(definition, {}, { logger: false })
      for (const name of ['one', 'two']) {
        const create = (a: number) => (a === 1 ? a : Promise.reject(sentence()))
        await config.resource((c) => c.a, { name, create })
      }
      config.set({ a: 2 })
      await expect.poll(() => config.health.reason).toMatch(/one.*two/)
      texts.push(config.health.reason ?? '')
    },
  ],
  [
    'a snapshot that cannot be read and written',
    async (texts) => {
      const folder = await mkdtemp(join(tmpdir(), 'livetree-'))
      onTestFinished(() => rm(folder, { recursive: true, force: true }))
      const config = await loaded(sourceOf({}), texts, { snapshot: { path: folder } })
      await config.close()
      texts.push(config.health.reason ?? '')
    },
  ],
])('%s: no text has two full stops, or a full stop before a semicolon', async (_what, say) => {
  const texts: string[] = []
  await say(texts)
  expect(texts.filter((text) => text !== '')).not.toEqual([])
  expect(texts.filter((text) => /[^.]\.[.;,:]/.test(text))).toEqual([])
})
