import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type LiveConfig, LivetreeError } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable, type Source } from '@livetree/core/source'
import { type LoadedParts, loadedParts } from '@livetree/core/tools'
import type { EtcdClient } from '@livetree/etcd'
import type { ClientUse } from '../etcd-source/shared-client.ts'
import { storeOf } from '../operate/store-of.ts'
import { leaseOf } from './client-lease.ts'
import { type FleetMember, Member } from './fleet-member.ts'
import type { InstanceLayer } from './instance-record.ts'
import { layerSharing, OPERATIONS_PREFIX, OperationsKeys } from './operations.ts'
import { ProposalJudge, type ProposalJudgeParts } from './proposal-judge.ts'
import { type PublishedSchema, schemaOf } from './publish-schema.ts'

/** Options of `joinFleet`. */
export interface JoinFleetOptions {
  /** Tells this instance from others, such as the name of a pod. Default: a random UUID. */
  readonly id?: string | undefined
  /** Version of the application, for operators. */
  readonly appVersion?: string | undefined
  /** What operators may look for: `{ zone: 'eu-1' }`. At most 32, of 200 characters each. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Seconds after which the record of a process that was killed is gone. At least 2. Default 30. The first member of a client says it for all. */
  readonly ttlSeconds?: number | undefined
  /**
   * An instance writes its verdict at a random moment within this time, in milliseconds, and at most once in it. Default: at
   * least 100, and more the more instances there are, so that all together write less than 500 times a second.
   */
  readonly spreadMs?: number | undefined
  /** Where everything for operators is kept. Default `/.livetree`. */
  readonly operationsPrefix?: string | undefined
  /** Name of the etcd source to report on. Default: the last one of the configuration. */
  readonly source?: string | undefined
  /** A client of your own, which stays open. Default: that of the etcd source. */
  readonly client?: EtcdClient | undefined
  /** The directories that are read, where the configuration has no etcd source. Default: those of the etcd source. */
  readonly layers?: readonly InstanceLayer[] | undefined
}

const MOST_LABELS = 32

const OPTION_TABLE: OptionTable = {
  id: optionKinds.name,
  appVersion: optionKinds.name,
  labels: {
    expected: `an object of at most ${MOST_LABELS} texts of at most 200 characters`,
    test: (labels) =>
      optionKinds.isObject(labels) &&
      Object.keys(labels).length <= MOST_LABELS &&
      Object.entries(labels)
        .flat()
        .every((text) => typeof text === 'string' && text.length <= 200),
  },
  ttlSeconds: {
    expected: 'a whole number of seconds, 2 or more',
    test: (seconds) => Number.isInteger(seconds) && (seconds as number) >= 2,
    isShown: true,
  },
  spreadMs: {
    expected: 'a number of milliseconds, 0 or more, less than an hour',
    test: (ms) => typeof ms === 'number' && ms >= 0 && ms <= 3_600_000,
    isShown: true,
  },
  operationsPrefix: optionKinds.text,
  source: optionKinds.name,
  client: {
    expected: 'a client that createEtcdClient made',
    test: (client) =>
      optionKinds.isObject(client) &&
      optionKinds.isObject(client['kv']) &&
      optionKinds.isObject(client['lease']),
  },
  layers: {
    expected: 'a list of layers such as { prefix: "/config/shared/redis", at: "redis" }',
    test: (layers) =>
      Array.isArray(layers) &&
      layers.every(
        (layer) =>
          optionKinds.isObject(layer) &&
          optionKinds.text.test(layer['prefix']) &&
          (layer['at'] === undefined || optionKinds.text.test(layer['at'])),
      ),
  },
}

/** How long `joinFleet` waits for the store, in milliseconds. */
const FIRST_ATTEMPT_MS = 1_000

/**
 * Reports this instance to operators: what it is, which schema it has, and whether each revision was applied or rejected.
 * It writes one key, when it joins and when its verdict changes, under one lease for all members of the client; nothing while nothing happens.
 * It joins again by itself when the lease is lost, and leaves when the configuration is closed. Whatever happens in the
 * store, the configuration is not affected: what fails is in `status.lastError`, is logged once, and is tried again.
 *
 * Resolves when it has joined or could not at first, after at most a second.
 *
 * @throws LivetreeError `invalid_options`, also where there is no etcd source and no client is given
 */
export async function joinFleet(
  config: LiveConfig<unknown>,
  options: JoinFleetOptions = {},
): Promise<FleetMember> {
  const parts = loadedParts(config)
  if (parts === undefined)
    refuse('needs a loaded configuration, as load() returns: joinFleet(await checkout.load())')
  checkOptions('joinFleet()', options, OPTION_TABLE)
  const { id = randomUUID(), appVersion, labels, ttlSeconds = 30, spreadMs } = options
  const { definition, clock, logger } = parts
  const source = sourceOf(parts, options)
  const layers = options.layers ?? (source === undefined ? [] : layersOf(source))
  const { operationsPrefix = OPERATIONS_PREFIX } = options
  assertBeside(operationsPrefix, parts, layers)
  const schema = publishable(parts)
  const { client, release } = clientOf(parts, source, options)
  const stops: (() => void)[] = []
  const instance = { name: definition.name, id }
  const keys = new OperationsKeys(operationsPrefix)
  const lease = leaseOf(client, ttlSeconds)
  const member = new Member({
    config,
    source: source?.name,
    servedRevision: () =>
      source === undefined ? config.revision : parts.servedRevision(parts.sources.indexOf(source)),
    identity: {
      ...instance,
      schema: schema?.fingerprint ?? definition.fingerprint,
      layers: layers.map(({ prefix, at }) => ({
        prefix: prefix.replace(/\/+$/, ''),
        ...(at !== undefined && { at }),
      })),
      ...(appVersion !== undefined && { appVersion }),
      host: hostname(),
      pid: process.pid,
      ...(labels !== undefined && { labels: { ...labels } }),
      startedAt: clock.now(),
    },
    schema,
    keys,
    client,
    lease,
    judge: source && judgeOf({ ...parts, config, source, instance, keys, client, lease }),
    release: () => {
      for (const stop of stops) stop()
      return release()
    },
    spreadMs,
    clock,
    logger,
  })
  stops.push(
    parts.onJudged(() => member.judged()),
    parts.onClose(() => member.leave()),
  )
  if (config.signal.aborted) {
    await member.leave()
    return member
  }
  const late = Promise.withResolvers<void>()
  const timer = clock.setTimeout(late.resolve, FIRST_ATTEMPT_MS)
  await Promise.race([member.start(), late.promise])
  clock.clearTimeout(timer)
  return member
}

/** The configuration would change with each report on it, and each change is reported. */
function assertBeside(
  operationsPrefix: string,
  { sources }: LoadedParts,
  layers: readonly InstanceLayer[],
): void {
  const read = sources.filter((source) => storeOf(source) !== undefined).flatMap(layersOf)
  const prefixes = [...read, ...layers].map(({ prefix }) => `${prefix.replace(/\/+$/, '')}/`)
  const layer = layerSharing(operationsPrefix, prefixes)
  if (layer === undefined) return
  refuse(
    `got operationsPrefix = "${operationsPrefix}", which shares keys with the layer ${layer.slice(0, -1)}. Choose a directory beside all layers, such as "${OPERATIONS_PREFIX}"`,
  )
}

function judgeOf(parts: Omit<ProposalJudgeParts, 'layers'>): ProposalJudge {
  const layers = new Set(parts.source.layers.map(({ keyPrefix }) => keyPrefix.replace(/\/+$/, '')))
  return new ProposalJudge({ ...parts, layers: [...layers] })
}

function sourceOf(
  { sources }: LoadedParts,
  { source, client, layers }: JoinFleetOptions,
): Source | undefined {
  const found = sources.findLast((each) => storeOf(each) !== undefined && (source ?? each.name) === each.name)
  if (found !== undefined || (source === undefined && client !== undefined && layers !== undefined))
    return found
  const named = source === undefined ? 'has no etcd source' : `has no etcd source named "${source}"`
  return refuse(`got a configuration that ${named}: give client and layers`)
}

/** Undefined where the schema cannot be written as JSON Schema, which is logged. */
function publishable({ definition, logger }: LoadedParts): PublishedSchema | undefined {
  try {
    return schemaOf(definition)
  } catch (error) {
    logger.warn('The schema of this instance cannot be published for the fleet', { error })
    return undefined
  }
}

function layersOf(source: Source): readonly InstanceLayer[] {
  return source.layers.map(({ keyPrefix, at }) => ({ prefix: keyPrefix, at }))
}

function clientOf(
  { clock, logger }: LoadedParts,
  source: Source | undefined,
  { client }: JoinFleetOptions,
): ClientUse {
  if (client !== undefined) return { client, release: async () => {} }
  const store = source && storeOf(source)
  return store?.use(clock, logger) ?? refuse('needs a client')
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_options', `joinFleet() ${what}.`)
}
