import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { answerHealthProbe } from '../../../packages/core/src/adapter/index.ts'
import { createManualSource } from '../../../packages/core/src/testing/index.ts'
import {
  createTestConfig,
  defineConfig,
  env,
  file,
  keyring,
  type LiveConfig,
  live,
  memory,
} from '../../../packages/core/src/index.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { OutputRecorder } from '../output-recorder.ts'
import { type PlantedSecret, plantedSecret } from '../planted-secret.ts'
import {
  FUZZ_KEY,
  type PlantedLeaf,
  plantedLeaves,
  type SecretConfig,
  secretSchema,
  shownPaths,
} from '../secret-schema.ts'

const EVENTS = ['ready', 'change', 'rejected', 'unused', 'stale', 'live', 'error'] as const
const CHANNELS = [...EVENTS, 'resource', 'close'].map((name) => `livetree:${name}`)

interface Step {
  readonly where: 'store' | 'store' | 'memory' | 'file'
  readonly leaves: readonly PlantedLeaf[]
  /** What becomes of the file. */
  readonly bytes: Buffer
  /** The user's own code fails, in words that hold the secret. */
  readonly isFailing: boolean
  /** Takes the place of all that the store holds, so that what was bad is healed. */
  readonly isFresh: boolean
}

interface TaintCase {
  readonly secrets: readonly PlantedSecret[]
  readonly unused: 'ignore' | 'warn' | 'reject'
  readonly onUnavailable: 'fail' | 'snapshot' | 'defaults'
  readonly format: 'yaml' | 'json'
  readonly hasKey: boolean
  readonly plaintext: 'accept' | 'reject'
  readonly first: readonly PlantedLeaf[]
  readonly environment: readonly PlantedLeaf[]
  readonly dotenv: Buffer
  readonly steps: readonly Step[]
}

/** Leaves as one document; a leaf below another takes its place. */
function nestedOf(leaves: readonly PlantedLeaf[]): unknown {
  const root: Record<string, unknown> = {}
  for (const { path, value } of leaves) {
    if (path === '') return value
    let at = root
    const names = path.split('/')
    for (const name of names.slice(0, -1)) {
      const below = Object.hasOwn(at, name) ? at[name] : undefined
      const isObject = typeof below === 'object' && below !== null
      if (!isObject)
        Object.defineProperty(at, name, { value: {}, enumerable: true, configurable: true, writable: true })
      at = at[name] as Record<string, unknown>
    }
    Object.defineProperty(at, names.at(-1)!, { value, enumerable: true, configurable: true, writable: true })
  }
  return root
}

const fileText = (leaves: readonly PlantedLeaf[]): string => {
  try {
    return JSON.stringify(nestedOf(leaves)) ?? ''
  } catch {
    return '{}'
  }
}

const variableOf = (path: string) => `APP_${path.replaceAll('/', '__').toUpperCase()}`
const textOfValue = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
const variablesOf = (leaves: readonly PlantedLeaf[]) =>
  leaves.map(({ path, value }) => [variableOf(path), textOfValue(value)] as const)
const dotenvText = (leaves: readonly PlantedLeaf[]) =>
  variablesOf(leaves)
    .map(([name, value]) => `${name}='${value}'`)
    .join('\n')

/** Broken so that no value becomes a name: names are shown, secret or not. */
const damaged = (text: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(text, fc.constantFrom('nothing', 'nothing', 'cut', 'byte', 'tail', 'bare'), fc.nat(0xffff))
    .map(([whole, damage, part]) => {
      const bytes = Buffer.from(
        damage === 'bare' ? whole.replaceAll(/["']/g, '').replaceAll(':', ': ') : whole,
      )
      const at = Math.floor((part / 0x10000) * bytes.length)
      if (damage === 'cut') return bytes.subarray(0, at)
      if (damage === 'byte')
        return Buffer.concat([bytes.subarray(0, at), Buffer.of(0xff), bytes.subarray(at)])
      return damage === 'tail' ? Buffer.concat([bytes, Buffer.from('\n}]{"\n&')]) : bytes
    })

const arbitraryCase: fc.Arbitrary<TaintCase> = fc
  .array(plantedSecret, { minLength: 1, maxLength: 3 })
  .chain((secrets) => {
    const leaves = plantedLeaves(secrets)
    const step = fc.record({
      where: fc.constantFrom('store' as const, 'store' as const, 'memory' as const, 'file' as const),
      leaves,
      bytes: damaged(leaves.map(fileText)),
      isFailing: fc.boolean(),
      isFresh: fc.boolean(),
    })
    return fc.record({
      secrets: fc.constant(secrets),
      unused: fc.constantFrom('ignore' as const, 'warn' as const, 'reject' as const),
      onUnavailable: fc.constantFrom('fail' as const, 'snapshot' as const, 'defaults' as const),
      format: fc.constantFrom('yaml' as const, 'json' as const),
      hasKey: fc.nat(40).map((chance) => chance === 0),
      plaintext: fc.constantFrom('accept' as const, 'reject' as const),
      first: fc.oneof(fc.constant([]), leaves),
      environment: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: leaves }),
      dotenv: fc.oneof(
        { weight: 3, arbitrary: fc.constant(Buffer.alloc(0)) },
        { weight: 1, arbitrary: damaged(leaves.map(dotenvText)) },
      ),
      steps: fc.array(step, { minLength: 1, maxLength: 4 }),
    })
  })

/** All that can be asked of a configuration, except for the values of its secrets. */
function showAll(recorder: OutputRecorder, config: LiveConfig<SecretConfig>): void {
  const { current, status, health } = config
  recorder.show('config', config)
  recorder.show('current', current)
  for (const part of shownPaths(current)) recorder.show('a part of current', part)
  recorder.show('status', status, status.rejected, status.unused)
  recorder.show('health', health, answerHealthProbe(config), answerHealthProbe(config, { probe: 'liveness' }))
  recorder.show('snapshot()', config.snapshot(), config.pinnedSnapshot())
}

function explainAll(
  recorder: OutputRecorder,
  config: LiveConfig<SecretConfig>,
  leaves: readonly PlantedLeaf[],
): void {
  for (const { path } of leaves) {
    const names = path === '' ? [] : path.split('/')
    for (let length = 0; length <= names.length; length++) {
      for (const wanted of [
        names.slice(0, length),
        [...names.slice(0, length), 'x'],
        ...['made', 'url', 'user', '0'].map((name) => [...names.slice(0, length), name]),
        [...names.slice(0, length), 'made', '0'],
        names.slice(0, length).join('.'),
      ]) {
        try {
          recorder.show(`explain(${JSON.stringify(wanted)})`, config.explain(wanted))
        } catch (error) {
          recorder.show('explain throws', error)
        }
      }
    }
  }
}

/** Listens to everything, and has the user's own code fail where `isFailing` says so. */
async function listen(
  recorder: OutputRecorder,
  config: LiveConfig<SecretConfig>,
  isFailing: () => boolean,
): Promise<void> {
  const fail = (value: unknown) => {
    if (isFailing()) throw recorder.ownError(`no connection with ${JSON.stringify(plainOf(value))}`)
  }
  for (const name of EVENTS) config.on(name, (event: unknown) => recorder.show(`event ${name}`, event))
  config.on('change', (event) => fail(event.next))
  config.watch(
    (value) => value.db ?? value.password,
    (next, _previous, change) => {
      recorder.show('watch', change)
      fail(next)
    },
  )
  const building = config.resource((value) => value, {
    create: (value) => {
      fail(value)
      return value
    },
    check: fail,
    dispose: fail,
    drainMs: 0,
  })
  await building.catch((error: unknown) => recorder.show('resource', error))
  try {
    live(
      config,
      (value) => value,
      (value) => fail(value),
    )
  } catch {
    // what the factory throws at the first call is handed on as it is
  }
}

/** As a driver prints what it was given: past everything that would conceal it. */
function plainOf(value: unknown): unknown {
  if (value instanceof Map || value instanceof Set) return [...value].map(plainOf)
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plainOf(part)]))
}

interface Folder {
  readonly path: string
}

async function play(given: TaintCase, recorder: OutputRecorder, folder: string): Promise<void> {
  const [path, snapshotPath, dotenv] = ['a.config', 'a.snapshot', '.env'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  await Promise.all([
    writeOldFile(path, given.steps[0]!.bytes),
    writeOldFile(dotenv, given.dotenv),
    rm(snapshotPath, { force: true }),
  ])
  const definition = defineConfig({ name: 'taint', schema: secretSchema, unused: given.unused })
  const store = createManualSource({ name: 'store' })
  const own = memory({}, { name: 'memory' })
  const variables = Object.fromEntries(variablesOf(given.environment))
  const options = {
    sources: [
      file(path, { watch: false, format: given.format }),
      store,
      own,
      env({ prefix: 'APP_', environment: variables, dotenv: [dotenv], watch: false }),
    ],
    keys: keyring({ current: FUZZ_KEY, plaintext: given.plaintext }),
    logger: recorder.logger,
    startup: { onUnavailable: given.onUnavailable, timeoutMs: 2_000 },
    snapshot: { path: snapshotPath, intervalMs: 0, key: given.hasKey ? 'a key for the test' : undefined },
  }
  const loading = definition.load(options)
  store.sink.replace({
    revision: 1,
    epoch: 0,
    layers: [given.first.map((leaf) => ({ ...leaf, revision: 1 }))],
  })
  let config: LiveConfig<SecretConfig>
  try {
    config = await loading
  } catch (error) {
    recorder.show('load rejects', error)
    return
  }
  let isFailing = false
  await listen(recorder, config, () => isFailing)
  explainAll(recorder, config, given.first)
  for (const [index, step] of given.steps.entries()) {
    isFailing = step.isFailing
    await take(step, index + 2)
    await config.refresh().catch((error: unknown) => recorder.show('refresh', error))
    showAll(recorder, config)
    explainAll(recorder, config, [...step.leaves, ...given.environment])
  }
  store.sink.lost({ error: new Error('the store is gone'), isFinal: true })
  await config.refresh().catch((error: unknown) => recorder.show('refresh', error))
  showAll(recorder, config)
  await config.close()
  showAll(recorder, config)
  recorder.show('the snapshot on disk', await readFile(snapshotPath, 'latin1').catch(() => ''))

  async function take({ where, leaves, bytes, isFresh }: Step, revision: number): Promise<void> {
    const stored = leaves.map((leaf) => ({ ...leaf, revision }))
    if (where === 'file') await writeOldFile(path, bytes)
    else if (where === 'memory') own.set(nestedOf(leaves) as object)
    else if (isFresh) store.sink.replace({ revision, epoch: 0, layers: [stored], allowRemoval: true })
    else store.sink.patch({ revision, changes: stored.map((leaf) => ({ layer: 0, leaf })) })
  }
}

/** Written long ago, so that nobody waits for who might still write. */
async function writeOldFile(path: string, bytes: Uint8Array | string): Promise<void> {
  await writeFile(path, bytes)
  await utimes(path, 1, 1)
}

/** The same values through the test kit, whose `set` and `reject` throw what they hold. */
async function playTestConfig({ first, steps }: TaintCase, recorder: OutputRecorder): Promise<void> {
  const definition = defineConfig({ name: 'taint', schema: secretSchema })
  const initial = nestedOf(first)
  if (typeof initial !== 'object' || initial === null) return
  const config = await createTestConfig(definition, initial, { logger: recorder.logger }).catch(
    (error: unknown) => recorder.show('createTestConfig', error),
  )
  if (config === undefined) return
  for (const { leaves, isFailing } of steps) {
    const patch = nestedOf(leaves)
    try {
      recorder.show('set', isFailing ? config.reject(patch as object) : config.set(patch as object))
    } catch (error) {
      recorder.show('set throws', error)
    }
    showAll(recorder, config)
  }
  await config.close()
}

export const taints: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'taint',
    what: 'secrets in every kind of place of a schema, in files, environment, memory and a store, good and bad, with listeners and resources that fail: none of them, in any encoding, in logs, events, errors, issues, diagnostics, `inspect`, JSON, status, health, `explain` or the snapshot on disk',
    shortCases: 50,
    weight: 1,
    input: arbitraryCase,
    open: async (): Promise<Folder> => ({ path: await mkdtemp(join(tmpdir(), 'livetree-taint-')) }),
    close: ({ path }: Folder) => rm(path, { recursive: true }),
    async check(given, { path }) {
      const recorder = new OutputRecorder()
      const onMessage = (message: unknown, name: string | symbol) => recorder.show(String(name), message)
      for (const name of CHANNELS) subscribe(name, onMessage)
      try {
        await play(given, recorder, path)
        await playTestConfig(given, recorder)
      } finally {
        for (const name of CHANNELS) unsubscribe(name, onMessage)
      }
      const key = FUZZ_KEY.key.toString()
      recorder.assertClean([...given.secrets, { value: key, token: key }])
    },
  }),
]
