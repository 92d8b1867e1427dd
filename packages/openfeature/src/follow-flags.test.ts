import { createTestConfig, defineConfig } from '@livetree/core'
import {
  OpenFeature,
  OpenFeatureEventEmitter,
  ProviderStatus,
  ServerProviderEvents,
} from '@openfeature/server-sdk'
import { afterEach, expect, test } from 'vitest'
import * as z from 'zod'
import { followFlags } from './follow-flags.ts'
import { LivetreeProvider } from './index.ts'

afterEach(() => OpenFeature.clearProviders())

const turn = () => new Promise((resolve) => setImmediate(resolve))
const loose = defineConfig({
  name: 'loose',
  schema: z.object({ features: z.string().transform((text): unknown => JSON.parse(text)) }),
})
const on = (targeting?: unknown) => ({ state: 'ENABLED', variants: { on: true }, targeting })

/** A provider of what a looser schema of the application lets through, and what it says has changed, set by set. */
async function follow(first: unknown) {
  const config = await createTestConfig(loose, { features: JSON.stringify(first) } as never, {
    logger: false,
  })
  const errors: unknown[] = []
  config.on('error', (error) => void errors.push(error))
  const provider = new LivetreeProvider(config, (c) => c.features as never)
  const changed: unknown[] = []
  provider.events.addHandler(ServerProviderEvents.ConfigurationChanged, (details) => {
    changed.push(details?.flagsChanged)
  })
  await OpenFeature.setProviderAndWait('loose', provider)
  await turn()
  const set = async (next: unknown) => {
    config.set({ features: JSON.stringify(next) } as never)
    await turn()
  }
  return { changed, errors, set, [Symbol.asyncDispose]: () => config.close() }
}

const CHAIN = 20_000

/** A flag that leads through a very long chain of evaluators to the last one, and one that does not. */
function chained(last: unknown) {
  const evaluators = Array.from({ length: CHAIN }, (_, n): [string, unknown] => [
    `e${n}`,
    n === 0 ? last : { '!': [{ $ref: `e${n - 1}` }] },
  ])
  return {
    flags: { f: on({ if: [{ $ref: `e${CHAIN - 1}` }, 'on'] }), g: on() },
    $evaluators: Object.fromEntries(evaluators),
  }
}

test.each<[string, unknown, unknown, string[]]>([
  ['a very long chain of evaluators', chained({ '!': [1] }), chained({ '!': [2] }), ['f']],
  ['flags that were none', { flags: {} }, { flags: { f: on() } }, ['f']],
  ['flags that are none any longer', { flags: { f: on() } }, { flags: {} }, ['f']],
  ['evaluators that are null', { flags: { f: on() } }, { flags: { g: on() }, $evaluators: null }, ['f', 'g']],
  ['flags that are null', { flags: { f: null, g: on() } }, { flags: { f: on(), g: null } }, ['f', 'g']],
])('LivetreeProvider: a change is announced with %s', async (_, first, next, flagsChanged) => {
  await using following = await follow(first)
  await following.set(next)
  expect([following.changed, following.errors]).toEqual([[flagsChanged], []])
})

test('LivetreeProvider: ERROR while there are no flags, and a change to those that come', async () => {
  await using following = await follow({ flags: { f: on() } })
  const client = OpenFeature.getClient('loose')
  for (const none of [{ flags: null }, { $evaluators: {} }, { f: on() }, { flags: [on()] }, []]) {
    await following.set(none)
    expect(client.providerStatus).toBe(ProviderStatus.ERROR)
    expect(await client.getBooleanDetails('f', false)).toMatchObject({
      value: false,
      errorCode: 'GENERAL',
      errorMessage: expect.stringMatching(/^The (part that the )?selector gave/),
    })
  }
  await following.set({ flags: { g: on() } })
  expect(client.providerStatus).toBe(ProviderStatus.READY)
  expect([following.changed, following.errors]).toEqual([[['f', 'g']], []])
})

test('followFlags: a change that could not be compared is announced with the next', async () => {
  const schema = z.object({ flags: z.record(z.string(), z.number()) })
  await using config = await createTestConfig(defineConfig({ name: 'x', schema }), { flags: { a: 1, b: 1 } })
  const events = new OpenFeatureEventEmitter()
  const seen: unknown[] = []
  for (const event of Object.values(ServerProviderEvents))
    events.addHandler(event, (details) => void seen.push([event, details?.flagsChanged]))
  let fails = true
  const stop = followFlags(config, config.current.flags, {
    select: (value) => value.flags,
    changedBetween: (previous, next) => {
      if (fails) throw new RangeError('too large')
      const [before, after] = [previous, next] as [Record<string, number>, Record<string, number>]
      return Object.keys(after).filter((name) => before[name] !== after[name])
    },
    events,
  })
  await turn()
  config.set({ flags: { a: 2 } })
  await turn()
  expect(seen).toEqual([[ServerProviderEvents.Error, undefined]])
  fails = false
  config.set({ flags: { b: 2 } })
  await turn()
  expect(seen.slice(1)).toEqual([
    [ServerProviderEvents.ConfigurationChanged, ['a', 'b']],
    [ServerProviderEvents.Ready, undefined],
  ])
  stop()
})
