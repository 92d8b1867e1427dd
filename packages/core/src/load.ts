import type { $ZodType, output } from 'zod/v4/core'
import type { DeepReadonly } from './deep-readonly.ts'
import type { ConfigDefinition } from './config-definition.ts'
import { Comparison } from './startup/comparison.ts'
import { ConfigLog } from './config-log.ts'
import type { LiveConfig } from './live-config.ts'
import { type LoadOptions, resolveLoadOptions } from './startup/load-options.ts'
import { Followers } from './live/followers.ts'
import { LoadedConfig } from './live/loaded-config.ts'
import { KeySet } from './encryption/key-set.ts'
import type { Keyring } from './keyring/keyring.ts'
import { LiveKeys } from './keyring/live-keys.ts'
import { guardClock } from './guarded-clock.ts'
import { Restarts } from './live/restarts.ts'
import { SnapshotKeeper } from './startup/snapshot-keeper.ts'
import { SourceState } from './updates/source-state.ts'
import { givenSource } from './startup/check-sources.ts'
import { startUp } from './startup/startup.ts'
import { UpdateProcessor } from './updates/update-processor.ts'
import { noteLoadedParts } from './loaded-parts.ts'
import { noteOpenConfig } from './open-configs.ts'
import { messageOf } from './thrown.ts'
import { settledWithin } from './within.ts'
import { createPipeline } from './pipeline/create-pipeline.ts'
import { reachable } from './reachable.ts'
import { parts, type SchemaNode } from './schema/schema-node.ts'
import { takePath } from './snapshot-file/open-paths.ts'
import { SnapshotFile } from './snapshot-file/snapshot-file.ts'

/** Default time, in milliseconds, for which processing updates of remote sources may block the event loop. */
const SLICE_MS = 2

/** How long a failed `load` waits for its sources to close, in milliseconds. */
const FAREWELL_MS = 500

/**
 * The composition root: connects the parts in the order in which data flows, sources → pipeline → live. See
 * `ConfigDefinition.load` for the contract.
 *
 * @param sliceMs how long processing updates of remote sources may block the event loop, in milliseconds; default 2
 */
export async function load<S extends $ZodType>(
  definition: ConfigDefinition<S>,
  loadOptions: LoadOptions = {},
  sliceMs = SLICE_MS,
): Promise<LiveConfig<DeepReadonly<output<S>>>> {
  type T = DeepReadonly<output<S>>
  const { name, naming, unused, guard, compiled } = definition
  const resolved = resolveLoadOptions(loadOptions, definition)
  const log = new ConfigLog(name, resolved.logger)
  const clock = guardClock(resolved.clock, () => {
    const message = `The clock given to configuration "${name}" fails; the machine's clock stands in`
    log.entry({ level: 'error', message, code: 'clock_failed' })
  })
  const options = { ...resolved, clock }
  const snapshot = options.sources.some(({ isRemote }) => isRemote) ? options.snapshot : undefined
  if (snapshot !== undefined && snapshot.key === undefined && hasPlainSecret(compiled)) {
    const message = `The snapshot of configuration "${name}" leaves secrets out, since there is no snapshot.key: it can serve only where a source above gives them`
    log.entry({ level: 'warn', message, code: 'snapshot' })
  }

  const sources = options.sources.map((source) => new SourceState(source, clock))
  const isRenamed = naming !== 'exact'
  const pipeline = createPipeline<T>(compiled, options.sources, {
    unused,
    guard,
    isRenamed,
    keys: emptySet(options.keys),
  })
  const kept = snapshot && {
    file: new SnapshotFile(snapshot.path, snapshot.key),
    intervalMs: snapshot.intervalMs,
    releasePath: takePath(snapshot.path, name),
  }
  const writer = new UpdateProcessor<T>({
    pipeline,
    sources,
    clock,
    keepsLeaves: snapshot !== undefined || options.onUnavailable !== 'fail',
    awaitsComparison: snapshot !== undefined || options.keys?.isEmpty === false,
    sliceMs,
  })
  const { fingerprint } = pipeline
  const keeper = kept && new SnapshotKeeper({ ...kept, name, fingerprint, clock, sources, writer })
  const comparison =
    kept &&
    new Comparison({
      name,
      fingerprint,
      file: kept.file,
      sources: options.sources,
      clock,
      log,
      writer,
      found: (document) => keeper?.found(document),
    })
  const ring = options.keys
  const keys =
    ring?.isEmpty === false &&
    new LiveKeys({
      keyring: ring,
      clock,
      logger: log,
      onKeys: (found) => writer.useKeys(found),
      onFailure: (error) => log.entry({ level: 'warn', message: messageOf(error), code: error.code }),
    })
  const reportsUnused = unused !== 'ignore'
  const followers = new Followers()
  if (keys) followers.onClose(() => keys.close())
  const config = new LoadedConfig<T>({
    name,
    options,
    log,
    reportsUnused,
    pipeline,
    sources,
    writer,
    keeper,
    followers,
    restarts: new Restarts(compiled, pipeline),
    comparison,
  })
  noteLoadedParts(config, {
    definition,
    sources: options.sources.map(givenSource),
    servedRevision: (index) => writer.servedRevision(index),
    clock,
    logger: log,
    onJudged: (listener) => followers.onJudged(listener),
    onClose: (work) => followers.onClose(work),
  })

  try {
    config.open()
    const parts = {
      name,
      options,
      log,
      sources,
      writer,
      fingerprint,
      comparison,
      keys: keys || undefined,
    }
    const provenAt = await startUp(parts)
    const forget = noteOpenConfig(config)
    followers.onClose(async () => forget())
    config.ready(provenAt)
  } catch (error) {
    // A source that does not close must not keep the caller waiting past `timeoutMs`.
    await settledWithin(config.close(), clock, FAREWELL_MS)
    throw error
  }
  if (snapshot === undefined) writer.forgetLeaves()
  return config
}

/** Whether a secret may stand in the tree as it is. */
function hasPlainSecret(compiled: SchemaNode): boolean {
  const isPlain = (schemaNode: SchemaNode) => schemaNode.isSecret && !schemaNode.isEncrypted
  return [...reachable([compiled], (each) => (each.isEncrypted ? [] : parts(each)))].some(isPlain)
}

/** What there is before the keys are read; for a keyring without any, that is all. */
function emptySet(keyring: Keyring | undefined): KeySet | undefined {
  return keyring && new KeySet({ plaintext: keyring.plaintext, absence: 'the keyring has no keys' })
}
