import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ConfigOf,
  createTestConfig,
  defineConfig,
  type LiveConfig,
  LivetreeError,
  sealed,
} from '@livetree/core'
import { createManualSource } from '@livetree/core/testing'
import {
  type Client,
  ErrorCode,
  type EventDetails,
  OpenFeature,
  type Provider,
  ProviderStatus,
  ServerProviderEvents,
} from '@openfeature/server-sdk'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { flagSetSchema, LivetreeProvider } from './index.ts'

afterEach(async () => {
  await OpenFeature.clearProviders()
  OpenFeature.clearHooks()
  OpenFeature.clearHandlers()
})

const staff = { ends_with: [{ var: 'email' }, '@example.com'] }
const flags = {
  welcome: { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' },
  greeting: { state: 'ENABLED', variants: { short: 'hi', none: '' }, defaultVariant: 'short' },
  seats: { state: 'ENABLED', variants: { ten: 10, none: 0, half: 0.5 }, defaultVariant: 'none' },
  banner: {
    state: 'ENABLED',
    variants: { plain: {}, full: { title: 'Sale', lines: ['a', 'b'] } },
    defaultVariant: 'full',
    metadata: { owner: 'web', since: 3 },
  },
  checkout: {
    state: 'ENABLED',
    variants: { old: 'v1', new: 'v2' },
    defaultVariant: 'old',
    targeting: { if: [{ $ref: 'staff' }, 'new', null] },
  },
  rollout: {
    state: 'ENABLED',
    variants: { on: true, off: false },
    defaultVariant: 'off',
    targeting: {
      fractional: [
        ['on', 50],
        ['off', 50],
      ],
    },
  },
  retired: { state: 'DISABLED', variants: { on: true, off: false }, defaultVariant: 'on' },
  open: { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: null },
} as const
const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    features: flagSetSchema,
    switches: z.object({
      isOpen: z.boolean().default(true),
      motto: z.string().default(''),
      most: z.number().default(0),
      sizes: z.array(z.number()).default([1, 2]),
      theme: z.object({ color: z.string() }).default({ color: 'red' }),
      none: z.string().nullable().default(null),
      since: z.date().default(new Date(0)),
      key: sealed(z.string()).default('x' as never),
    }),
    unrelated: z.number().default(0),
  }),
})
const TREE = { features: { flags, $evaluators: { staff }, metadata: { version: '7' } } }

/** A configuration with the flags above, its provider, and a client of it in a domain of its own. */
async function open(make: (config: LiveConfig<never>) => Provider = flagd) {
  const config = await createTestConfig(shop, TREE as never, { logger: false })
  onTestFinished(() => config.close())
  const domain = `test-${crypto.randomUUID()}`
  await OpenFeature.setProviderAndWait(domain, make(config as never))
  await turn()
  const client = OpenFeature.getClient(domain)
  return { config, client, domain, set: (tree: object) => config.set(tree as never) }
}

const flagd = (config: unknown) =>
  new LivetreeProvider(config as LiveConfig<{ features: z.output<typeof flagSetSchema> }>, (c) => c.features)
const plain = (config: unknown) =>
  new LivetreeProvider(config as LiveConfig<{ switches: object }>, (c) => c.switches, { format: 'plain' })
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** The events that a client receives, by their names, from now on. */
function eventsOf(client: Client) {
  const seen: [string, EventDetails | undefined][] = []
  for (const event of Object.values(ServerProviderEvents))
    client.addHandler(event, (details) => void seen.push([event, details]))
  seen.length = 0
  return seen
}

describe('evaluation (2.2)', () => {
  test.each([
    ['boolean', 'welcome', true, false, 'off', 'STATIC'],
    ['string', 'greeting', 'x', 'hi', 'short', 'STATIC'],
    ['number', 'seats', 7, 0, 'none', 'STATIC'],
    ['object', 'banner', {}, { title: 'Sale', lines: ['a', 'b'] }, 'full', 'STATIC'],
    ['string', 'checkout', 'x', 'v1', 'old', 'DEFAULT'],
    ['boolean', 'rollout', false, true, 'on', 'TARGETING_MATCH'],
    ['boolean', 'retired', false, false, undefined, 'DISABLED'],
    ['boolean', 'open', true, true, undefined, 'DEFAULT'],
  ] as const)('2.2.1–2.2.6: a %s, %s', async (type, key, fallback, value, variant, reason) => {
    const { client } = await open()
    const details = await ask(client, type, key, fallback, { targetingKey: 'user-1' })
    expect(details).toMatchObject({ value, reason, flagKey: key })
    expect(details.variant).toBe(variant)
    expect([details.errorCode, details.errorMessage]).toEqual([undefined, undefined])
  })

  test('2.2.9, 2.2.10: the metadata of the flag, over that of the set', async () => {
    const { client } = await open()
    const { flagMetadata } = await client.getObjectDetails('banner', {})
    expect(flagMetadata).toEqual({ version: '7', owner: 'web', since: 3 })
  })

  test('3.2: contexts of the API, the client and the call reach the targeting', async () => {
    const { client } = await open()
    const details = () => client.getStringDetails('checkout', 'x', { email: 'ann@example.com' })
    expect(await details()).toMatchObject({ value: 'v2', variant: 'new', reason: 'TARGETING_MATCH' })
    client.setContext({ email: 'bob@example.com' })
    expect(await client.getStringValue('checkout', 'x')).toBe('v2')
    expect(await client.getStringValue('checkout', 'x', { email: 'bob@example.org' })).toBe('v1')
  })

  test('2.2.7, 1.4.8: what is wrong is a code, and the application has its own default', async () => {
    const { client } = await open()
    const notFound = await client.getBooleanDetails('nowhere', true)
    expect(notFound).toMatchObject({ value: true, reason: 'ERROR', errorCode: ErrorCode.FLAG_NOT_FOUND })
    for (const key of ['toString', '__proto__', 'constructor', ''])
      expect((await client.getStringDetails(key, 'x')).errorCode).toBe(ErrorCode.FLAG_NOT_FOUND)
    for (const type of ['string', 'number', 'object'] as const) {
      const details = await ask(client, type, 'welcome', 'mine', {})
      expect(details).toMatchObject({ value: 'mine', reason: 'ERROR', errorCode: ErrorCode.TYPE_MISMATCH })
    }
  })

  test('TARGETING_KEY_MISSING only if the application asks for it', async () => {
    const without = await open()
    const details = await without.client.getBooleanDetails('rollout', true)
    expect(details).toMatchObject({ value: false, variant: 'off', reason: 'DEFAULT' })
    const { client } = await open(
      (config) =>
        new LivetreeProvider<ConfigOf<typeof shop>>(config as never, (c) => c.features, {
          requireTargetingKey: true,
        }),
    )
    expect(await client.getBooleanDetails('rollout', true)).toMatchObject({
      value: true,
      reason: 'ERROR',
      errorCode: ErrorCode.TARGETING_KEY_MISSING,
    })
    expect((await client.getBooleanDetails('welcome', true)).reason).toBe('STATIC')
    expect((await client.getBooleanDetails('retired', true)).reason).toBe('DISABLED')
    expect((await client.getBooleanDetails('rollout', true, { targetingKey: 'a' })).errorCode).toBeUndefined()
  })

  test('PARSE_ERROR for what a looser schema of the application lets through', async () => {
    const loose = defineConfig({ name: 'loose', schema: z.object({ features: z.json() }) })
    const broken = { state: 'ENABLED', variants: { on: true }, targeting: { nix: [1] } }
    const cycle = { ...broken, targeting: { '!': [{ $ref: 'a' }] } }
    const set = {
      flags: { broken, cycle, blank: { state: 'ON', variants: {} } },
      $evaluators: { a: { '!': [{ $ref: 'a' }] } },
    }
    await using config = await createTestConfig(loose, { features: set } as never, { logger: false })
    await OpenFeature.setProviderAndWait('loose', new LivetreeProvider(config, (c) => c.features as never))
    const client = OpenFeature.getClient('loose')
    for (const key of ['broken', 'cycle', 'blank'])
      expect(await client.getBooleanDetails(key, false)).toMatchObject({
        value: false,
        errorCode: ErrorCode.PARSE_ERROR,
      })
  })

  test('an object is frozen, as the configuration is', async () => {
    const { client } = await open()
    const value = (await client.getObjectValue('banner', {})) as { lines: string[] }
    expect(() => value.lines.push('c')).toThrow(TypeError)
  })
})

describe('plain values', () => {
  test.each([
    ['boolean', 'isOpen', false, true],
    ['string', 'motto', 'x', ''],
    ['number', 'most', 5, 0],
    ['object', 'sizes', {}, [1, 2]],
    ['object', 'theme', {}, { color: 'red' }],
  ] as const)('a %s, %s', async (type, key, fallback, value) => {
    const { client } = await open(plain)
    expect(await ask(client, type, key, fallback, {})).toMatchObject({ value, reason: 'STATIC' })
  })

  test('null leaves the value to the application; others are errors', async () => {
    const { client } = await open(plain)
    expect(await client.getStringDetails('none', 'mine')).toMatchObject({ value: 'mine', reason: 'DEFAULT' })
    expect((await client.getStringDetails('nowhere', '')).errorCode).toBe(ErrorCode.FLAG_NOT_FOUND)
    expect((await client.getStringDetails('toString', '')).errorCode).toBe(ErrorCode.FLAG_NOT_FOUND)
    for (const key of ['isOpen', 'since', 'key'])
      expect((await client.getObjectDetails(key, {})).errorCode).toBe(ErrorCode.TYPE_MISMATCH)
  })

  test('changes are announced by their names', async () => {
    const { client, set } = await open(plain)
    const events = eventsOf(client)
    set({ switches: { motto: 'new', theme: { color: 'blue' } } })
    await expect.poll(() => events).toHaveLength(1)
    expect(events[0]?.[1]).toMatchObject({ flagsChanged: ['motto', 'theme'] })
    expect(await client.getStringValue('motto', '')).toBe('new')
  })
})

describe('events (5)', () => {
  test('5.1: a change of flags names them, and evaluations are new when it is emitted', async () => {
    const { client, set, config } = await open()
    const events = eventsOf(client)
    let atEvent: Promise<boolean> | undefined
    client.addHandler(ServerProviderEvents.ConfigurationChanged, () => {
      atEvent = client.getBooleanValue('welcome', false)
    })
    set({ features: { flags: { welcome: { defaultVariant: 'on' } } } })
    await expect.poll(() => events).toHaveLength(1)
    expect(events[0]?.[0]).toBe(ServerProviderEvents.ConfigurationChanged)
    expect(events[0]?.[1]).toMatchObject({
      flagsChanged: ['welcome'],
      metadata: { revision: config.revision, version: config.version },
    })
    expect([events[0]?.[1]?.flagsChanged, events[0]?.[1]?.metadata].every(Object.isFrozen)).toBe(true)
    expect(await atEvent).toBe(true)
  })

  test.each<[string, object, string[]]>([
    ['a flag that came', { flags: { fresh: { state: 'ENABLED', variants: { a: 1 } } } }, ['fresh']],
    [
      'an evaluator: what refers to it',
      { $evaluators: { staff: { ends_with: [{ var: 'email' }, '@example.org'] } } },
      ['checkout'],
    ],
    ['the metadata of the set: all', { metadata: { version: '8' } }, Object.keys(flags).sort()],
  ])('flagsChanged after %s', async (_, features, flagsChanged) => {
    const { client, set } = await open()
    const events = eventsOf(client)
    set({ features })
    await expect.poll(() => events).toHaveLength(1)
    expect(events[0]?.[1]).toMatchObject({ flagsChanged })
  })

  test('nothing is announced where no flag changed', async () => {
    const { client, set } = await open()
    const events = eventsOf(client)
    set({ unrelated: 1 })
    set({ features: { $schema: 'https://flagd.dev/schema/v0/flags.json' } })
    await sleep(5)
    expect(events).toEqual([])
  })

  test('5.3.5: STALE with the reason while the configuration is, and READY again', async () => {
    const { client, config } = await open()
    const events = eventsOf(client)
    config.disconnect()
    await expect.poll(() => client.providerStatus).toBe(ProviderStatus.STALE)
    expect(events.map(([event]) => event)).toEqual([ServerProviderEvents.Stale])
    expect(events[0]?.[1]?.message).not.toBe('')
    expect(await client.getStringValue('greeting', 'x')).toBe('hi')
    config.reconnect()
    await expect.poll(() => client.providerStatus).toBe(ProviderStatus.READY)
    expect(events.map(([event]) => event)).toEqual([ServerProviderEvents.Stale, ServerProviderEvents.Ready])
  })

  test('a rejected tree leaves the provider READY with the last good flags', async () => {
    const { client, config } = await open()
    const events = eventsOf(client)
    config.reject()
    await expect.poll(() => config.status.rejected).toBeDefined()
    await turn()
    expect([client.providerStatus, events]).toEqual([ProviderStatus.READY, []])
    expect(await client.getStringValue('greeting', 'x')).toBe('hi')
  })

  test('ERROR with the last flags once the configuration is closed', async () => {
    const { client, config } = await open()
    const events = eventsOf(client)
    await config.close()
    await expect.poll(() => client.providerStatus).toBe(ProviderStatus.ERROR)
    expect(events[0]?.[1]?.message).toContain('"shop" is closed')
    expect(await client.getStringDetails('greeting', 'x')).toMatchObject({ value: 'hi', reason: 'STATIC' })
  })
})

describe('lifetime (2.4, 2.5, 1.7)', () => {
  test('1.7.6: before the configuration is loaded, PROVIDER_NOT_READY; 5.3.1: READY once it is', async () => {
    const source = createManualSource()
    const loading = shop.load({ sources: [source], logger: false })
    const provider = new LivetreeProvider(loading, (c) => c.features)
    OpenFeature.setProvider('late', provider)
    const client = OpenFeature.getClient('late')
    const details = await client.getStringDetails('greeting', 'mine')
    expect(details).toMatchObject({ value: 'mine', errorCode: ErrorCode.PROVIDER_NOT_READY })
    await expect(provider.resolveStringEvaluation('greeting', 'x', {}, console)).rejects.toMatchObject({
      code: ErrorCode.PROVIDER_NOT_READY,
    })
    const events = eventsOf(client)
    await expect.poll(() => source.isOpen).toBe(true)
    source.replace(1, TREE)
    await using _config = await loading
    await expect.poll(() => events.map(([event]) => event)).toEqual([ServerProviderEvents.Ready])
    expect(await client.getStringValue('greeting', 'x')).toBe('hi')
  })

  test('a second initialization waits as the first does', async () => {
    const { promise, resolve } = Promise.withResolvers<LiveConfig<ConfigOf<typeof shop>>>()
    const provider = new LivetreeProvider(promise, (c) => c.features)
    const done: number[] = []
    const both = [1, 2].map((each) => provider.initialize().then(() => done.push(each)))
    await turn()
    expect(done).toEqual([])
    const config = await createTestConfig(shop, TREE as never, { logger: false })
    onTestFinished(() => config.close())
    resolve(config)
    await Promise.all(both)
    expect(done).toEqual([1, 2])
    await provider.onClose()
  })

  test('closed while it waits, it stays closed', async () => {
    const { promise, resolve } = Promise.withResolvers<LiveConfig<ConfigOf<typeof shop>>>()
    const provider = new LivetreeProvider(promise, (c) => c.features)
    const opened = provider.initialize()
    await provider.onClose()
    const config = await createTestConfig(shop, TREE as never, { logger: false })
    onTestFinished(() => config.close())
    resolve(config)
    await opened
    await expect(provider.resolveBooleanEvaluation('welcome', true, {}, console)).rejects.toMatchObject({
      code: ErrorCode.PROVIDER_NOT_READY,
    })
  })

  test('5.3.2, 1.7.7: FATAL where the tree is invalid; ERROR where its store does not answer', async () => {
    const invalid = shop.load({ sources: [], logger: false })
    await expect(
      OpenFeature.setProviderAndWait('f', new LivetreeProvider(invalid, (c) => c.features)),
    ).rejects.toThrow()
    expect(OpenFeature.getClient('f').providerStatus).toBe(ProviderStatus.FATAL)
    const details = await OpenFeature.getClient('f').getStringDetails('greeting', 'mine')
    expect(details).toMatchObject({ value: 'mine', errorCode: ErrorCode.PROVIDER_FATAL })

    const mute = shop.load({ sources: [createManualSource()], startup: { timeoutMs: 1 }, logger: false })
    await expect(
      OpenFeature.setProviderAndWait('e', new LivetreeProvider(mute, (c) => c.features)),
    ).rejects.toThrow()
    const client = OpenFeature.getClient('e')
    expect(client.providerStatus).toBe(ProviderStatus.ERROR)
    expect(await client.getStringDetails('greeting', 'mine')).toMatchObject({
      value: 'mine',
      reason: 'ERROR',
    })
  })

  test('a promise of a configuration that nobody sets rejects silently', async () => {
    new LivetreeProvider(Promise.reject(new Error('nobody')), (c: { features: never }) => c.features)
    await sleep(5)
  })

  test('FATAL for a closed configuration, and for a selector that finds no flags', async () => {
    const config = await createTestConfig(shop, TREE as never, { logger: false })
    const wrong = new LivetreeProvider(config, (c) => (c as never as { nowhere: never }).nowhere)
    await expect(OpenFeature.setProviderAndWait('w', wrong)).rejects.toThrow('The selector gave nothing')
    expect(OpenFeature.getClient('w').providerStatus).toBe(ProviderStatus.FATAL)
    await config.close()
    const late = new LivetreeProvider(config, (c) => c.features)
    await expect(OpenFeature.setProviderAndWait('c', late)).rejects.toThrow('is closed')
  })

  test.each<[string, (config: ConfigOf<typeof shop>) => unknown, 'flagd' | 'plain', RegExp]>([
    [
      'of plain values, without the format',
      (c) => c.switches,
      'flagd',
      /has no object "flags".*format: 'plain'/,
    ],
    ['of the flags themselves, a step too deep', (c) => c.features.flags, 'flagd', /has no object "flags"/],
    ['of the whole configuration', (c) => c, 'flagd', /has no object "flags"/],
    ['of a map of flags', (c) => ({ flags: new Map(Object.entries(c.features.flags)) }), 'flagd', /"flags"/],
    ['of a list of flags', () => ({ flags: [] }), 'flagd', /"flags"/],
    ['of a text', () => ({ flags: 'abc' }), 'flagd', /"flags"/],
    ['of no flags', () => ({ flags: null }), 'flagd', /"flags"/],
    ['of a map, as plain values', (c) => new Map(Object.entries(c.switches)), 'plain', /has no names/],
    ['of a list, as plain values', () => [], 'plain', /gave a list/],
  ])('FATAL for a selector %s', async (_, selector, format, message) => {
    const config = await createTestConfig(shop, TREE as never, { logger: false })
    onTestFinished(() => config.close())
    const wrong = new LivetreeProvider(config, selector as never, { format } as never)
    await expect(OpenFeature.setProviderAndWait('w', wrong)).rejects.toThrow(message)
    expect(OpenFeature.getClient('w').providerStatus).toBe(ProviderStatus.FATAL)
  })

  test('a stale configuration is STALE from the start', async () => {
    const config = await createTestConfig(shop, TREE as never, { logger: false })
    onTestFinished(() => config.close())
    config.disconnect()
    await expect.poll(() => config.status.state).toBe('stale')
    await OpenFeature.setProviderAndWait('s', flagd(config))
    await expect.poll(() => OpenFeature.getClient('s').providerStatus).toBe(ProviderStatus.STALE)
  })

  test('2.5: closing it leaves the configuration open and follows it no longer; it may be set again', async () => {
    const { client, config, set, domain } = await open()
    const events = eventsOf(client)
    const provider = OpenFeature.getProvider(domain)
    await OpenFeature.setProviderAndWait(domain, plain(config))
    await turn()
    events.length = 0
    set({ features: { flags: { welcome: { defaultVariant: 'on' } } } })
    await turn()
    expect([events, config.signal.aborted]).toEqual([[], false])
    await OpenFeature.setProviderAndWait(domain, provider)
    expect(await client.getBooleanValue('welcome', false)).toBe(true)
  })

  test('a selector that fails later makes it ERROR, and READY when it does no more', async () => {
    let isBroken = false
    const { client, set } = await open(
      (config) =>
        new LivetreeProvider<ConfigOf<typeof shop>>(config as never, (c) => {
          if (isBroken) throw new Error('broken')
          return c.features
        }),
    )
    isBroken = true
    set({ unrelated: 1 })
    await expect.poll(() => client.providerStatus).toBe(ProviderStatus.ERROR)
    expect((await client.getStringDetails('greeting', 'mine')).errorCode).toBe(ErrorCode.GENERAL)
    isBroken = false
    set({ unrelated: 2 })
    await expect.poll(() => client.providerStatus).toBe(ProviderStatus.READY)
  })

  test('1.1.3: one configuration has several providers, and one provider several domains', async () => {
    const { config, client, set } = await open()
    await OpenFeature.setProviderAndWait('values', plain(config))
    const shared = flagd(config)
    await OpenFeature.setProviderAndWait('one', shared)
    await OpenFeature.setProviderAndWait('two', shared)
    const clients = [client, OpenFeature.getClient('one'), OpenFeature.getClient('two')]
    set({ features: { flags: { welcome: { defaultVariant: 'on' } } }, switches: { isOpen: false } })
    expect(await Promise.all(clients.map((each) => each.getBooleanValue('welcome', false)))).toEqual([
      true,
      true,
      true,
    ])
    expect(await OpenFeature.getClient('values').getBooleanValue('isOpen', true)).toBe(false)
  })
})

describe('the pin of a request', () => {
  test('evaluations in it see one set of flags, whatever changes between them, and also in hooks', async () => {
    const { config, client, set } = await open()
    const inHooks: unknown[] = []
    client.addHooks({
      before: async () => {
        set({ features: { flags: { greeting: { defaultVariant: 'none' } } } })
        await sleep(1)
        inHooks.push(config.pinned().features.flags['greeting']?.defaultVariant)
        return { email: 'ann@example.com' }
      },
    })
    await config.runPinned(async () => {
      expect(await client.getStringValue('greeting', 'x')).toBe('hi')
      set({ features: { flags: { checkout: { state: 'DISABLED' } } } })
      expect(await client.getStringValue('checkout', 'x')).toBe('v2')
      expect(await client.getStringValue('greeting', 'x')).toBe('hi')
    })
    expect(inHooks).toEqual(['short', 'short', 'short'])
    expect(await client.getStringValue('greeting', 'x')).toBe('')
    expect(await client.getStringDetails('checkout', 'x')).toMatchObject({ value: 'x', reason: 'DISABLED' })
  })

  test('two requests at once each see their own', async () => {
    const { config, client, set } = await open()
    const values = await Promise.all(
      ['off', 'on'].map((variant) => {
        set({ features: { flags: { welcome: { defaultVariant: variant } } } })
        return config.runPinned(async () => {
          await sleep(1)
          return client.getBooleanValue('welcome', false)
        })
      }),
    )
    expect(values).toEqual([false, true])
  })

  test('handlers of events are outside of it', async () => {
    const { config, client, set } = await open()
    let seen: boolean | undefined
    client.addHandler(ServerProviderEvents.ConfigurationChanged, async () => {
      seen = await client.getBooleanValue('welcome', false)
    })
    config.runPinned(() => set({ features: { flags: { welcome: { defaultVariant: 'on' } } } }))
    await expect.poll(() => seen).toBe(true)
  })
})

test.each<[string, () => unknown, RegExp]>([
  [
    'no configuration',
    () => new LivetreeProvider(undefined as never, () => ({}) as never),
    /got no configuration/,
  ],
  ['a definition', () => new LivetreeProvider(shop as never, () => ({}) as never), /call load\(\) on it/],
  ['no selector', () => new LivetreeProvider(Promise.resolve() as never, undefined as never), /selector/],
  [
    'another format',
    () => new LivetreeProvider(Promise.resolve() as never, () => ({}) as never, { format: 'yaml' } as never),
    /'flagd', 'plain'/,
  ],
  [
    'a misspelt option',
    () => new LivetreeProvider(Promise.resolve() as never, () => ({}) as never, { fromat: 'plain' } as never),
    /Did you mean "format"/,
  ],
])('refuses %s', (_, make, message) => {
  expect(make).toThrow(LivetreeError)
  expect(make).toThrow(message)
})

type Type = 'boolean' | 'string' | 'number' | 'object'

function ask(client: Client, type: Type, key: string, fallback: unknown, context: object) {
  const given = fallback as never
  if (type === 'boolean') return client.getBooleanDetails(key, given, context as never)
  if (type === 'string') return client.getStringDetails(key, given, context as never)
  if (type === 'number') return client.getNumberDetails(key, given, context as never)
  return client.getObjectDetails(key, given, context as never)
}
