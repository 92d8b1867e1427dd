import { createAdmin, type Admin } from '@livetree/admin'
import { type Keyring, keyring } from '@livetree/core'
import { absolutePath, type Source } from '@livetree/core/source'
import { createEtcdClient, type EtcdClientOptions } from '@livetree/etcd'
import { etcd } from 'livetree'
import { type EtcdStore, storeOf } from 'livetree/operate'
import { findConfig } from '../config-file/find-config.ts'
import { type Definition, loadDefinitions, onlyDefinition } from '../config-file/load-definitions.ts'
import { sourcesOf } from '../config-file/sources-of.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { clientOverrides, DEFAULT_ENDPOINT } from './client-overrides.ts'
import { publishedSchema } from './published-schema.ts'

/** A tree that a command reads and writes. */
export interface OpenedTree {
  readonly admin: Admin<unknown>
  /** The code's definition, or one that was made from what instances published; undefined: values are text. */
  readonly definition: Definition | undefined
  readonly store: EtcdStore
  /** What the client of the store connects with. */
  readonly clientOptions: EtcdClientOptions
  /** Everything that judges the tree, the lowest precedence first. */
  readonly sources: readonly Source[]
}

/**
 * Opens the tree that the command line means: with the definition of the configuration file, or by `--root` alone where there
 * is no file.
 *
 * @param isAwayTaken with `--root` alone: open it without a schema where the store does not answer
 * @throws CliError 64 where neither is given; EtcdError where the store does not answer
 */
export async function openTree(session: Session, { isAwayTaken = false } = {}): Promise<OpenedTree> {
  const definition = await chosenDefinition(session)
  return definition === undefined ? openRoot(session, isAwayTaken) : openDefinition(session, definition)
}

/**
 * The definition that is meant; undefined where there is no configuration file.
 *
 * @throws CliError 64
 */
export async function chosenDefinition(session: Session): Promise<Definition | undefined> {
  const file = findConfig(session.options.config, session.io.cwd)
  if (file === undefined) return undefined
  return onlyDefinition(await session.loading(file, () => loadDefinitions(file)), file)
}

/** Opens the tree of one definition, with what flags and environment replace. */
export function openDefinition(session: Session, definition: Definition): OpenedTree {
  const sources = definitionSources(session, definition)
  const admin = createAdmin(definition, { ...adminOptions(session), sources }) as Admin<unknown>
  session.closing(() => admin.close())
  const store = onlyStore(sources, definition)
  return { admin, definition, store, clientOptions: store.clientOptions, sources }
}

/**
 * Opens the tree of other directories of the same store, by the same schema.
 *
 * @param directories with their whole prefixes, the lowest precedence first
 */
export function openBeside(
  session: Session,
  { definition, store, clientOptions, sources }: OpenedTree,
  directories: readonly string[],
): Admin<unknown> {
  const tree = { layers: directories.map((prefix) => ({ prefix })) }
  const options = adminOptions(session)
  const source = store.sourceWith(clientOptions, tree)
  const beside = sources.map((each) => (storeOf(each) === store ? source : each))
  const admin =
    definition === undefined
      ? createAdmin({ ...options, store: { ...clientOptions, ...tree } })
      : (createAdmin(definition, { ...options, sources: beside }) as Admin<unknown>)
  session.closing(() => admin.close())
  return admin
}

/** The sources of a definition, with the tree and the client that flags and environment name. */
function definitionSources(session: Session, definition: Definition): readonly Source[] {
  const { root, overlays } = session.options
  const overrides = clientOverrides(session.options, session.io)
  if (root === undefined && overlays !== undefined) throw usageError('--overlays needs --root')
  const treeFor = (own: readonly string[] | undefined) =>
    root === undefined ? undefined : { root, overlays: overlays ?? own ?? [] }
  const all = sourcesOf(definition)
  const replaced = (source: Source) => {
    const store = storeOf(source)
    return store?.sourceWith(overrides, treeFor(store.overlays)) ?? source
  }
  if (all.some((source) => storeOf(source) !== undefined)) return all.map(replaced)
  const tree = treeFor(undefined)
  if (tree === undefined)
    throw usageError(
      `The definition "${definition.name}" has no source of etcd()`,
      'Give sources: () => [etcd({ … })] to defineConfig(), or --root.',
    )
  return [...all, etcd({ endpoints: [DEFAULT_ENDPOINT], ...overrides, ...tree })]
}

function onlyStore(sources: readonly Source[], { name }: Definition): EtcdStore {
  const stores = sources.flatMap((source) => storeOf(source) ?? [])
  const [store, ...others] = stores
  if (store !== undefined && others.length === 0) return store
  throw usageError(`The definition "${name}" has ${stores.length} sources of etcd(), and one is written`)
}

async function openRoot(session: Session, isAwayTaken: boolean): Promise<OpenedTree> {
  const { root, overlays } = session.options
  if (root === undefined)
    throw usageError(
      `There is no livetree.config.ts in ${session.io.cwd} or above, and no --root`,
      'Write one with `livetree init`, name one with --config, or give --root /config/….',
    )
  const clientOptions = { endpoints: [DEFAULT_ENDPOINT], ...clientOverrides(session.options, session.io) }
  const client = createEtcdClient(clientOptions)
  session.closing(() => client.close())
  const published = await publishedSchema(session, client, root, isAwayTaken)
  const layers = overlays === undefined ? published?.layers : undefined
  const tree = layers === undefined ? { root, ...(overlays !== undefined && { overlays }) } : { layers }
  const options = { ...tree, client }
  const source = etcd(options)
  const store = storeOf(source)
  if (store === undefined) throw usageError('--root names no tree')
  const definition = published?.definition
  const common = { ...adminOptions(session), store: options }
  const admin =
    definition === undefined ? createAdmin(common) : (createAdmin(definition, common) as Admin<unknown>)
  session.closing(() => admin.close())
  return { admin, definition, store, clientOptions, sources: [source] }
}

/** The keys that `--keys` names. */
export function keyringOf({ options, io }: Session): Keyring | undefined {
  const { keys } = options
  return keys === undefined ? undefined : keyring({ current: { file: absolutePath(keys, io.cwd) } })
}

function adminOptions(session: Session) {
  const author = session.io.env['LIVETREE_AUTHOR']
  const keys = keyringOf(session)
  return {
    timeoutMs: session.options.timeoutMs,
    ...(keys !== undefined && { keys }),
    ...(author !== undefined && author !== '' && { author }),
  }
}
