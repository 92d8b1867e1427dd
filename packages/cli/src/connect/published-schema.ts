import { jsonSchemaDefinition } from '@livetree/admin'
import { EtcdError, type EtcdClient } from '@livetree/etcd'
import type { EtcdLayer } from 'livetree'
import type { Definition } from '../config-file/load-definitions.ts'
import type { Session } from '../session.ts'

/** Where everything for operators is kept, outside of the trees. */
export const OPERATIONS = '/.livetree'

/** What running instances published of the tree below a root. */
export interface PublishedSchema {
  readonly definition: Definition
  /** The layers that they read. */
  readonly layers: readonly EtcdLayer[]
}

/** An instance, as far as it is read here: `/.livetree/instances/<name>/<id>`. */
interface Instance {
  readonly name: string
  readonly fingerprint: string
  readonly layers: readonly EtcdLayer[]
  readonly revision: number
}

/**
 * The schema that the instances of the tree at a root published last; undefined, with a note on stderr, where there is none
 * that can be read: values are text then.
 *
 * @param isOptional whether a store that does not answer counts as one without a schema
 * @throws EtcdError where it does not answer otherwise
 */
export async function publishedSchema(
  session: Session,
  client: EtcdClient,
  root: string,
  isOptional: boolean,
): Promise<PublishedSchema | undefined> {
  try {
    const found = await findSchema(session, client, root)
    if (found === undefined)
      session.note(
        `No code here, and no instance published a schema for ${root}: values are text, and nothing is known to be secret.`,
      )
    return found
  } catch (error) {
    if (isOptional) return undefined
    if (!(error instanceof EtcdError) || error.code !== 'permission_denied') throw error
    session.note(
      `No code here, and this user may not read ${OPERATIONS}/instances/ and ${OPERATIONS}/schemas/: values are text, and nothing is known to be secret.`,
    )
    return undefined
  }
}

async function findSchema(
  session: Session,
  client: EtcdClient,
  root: string,
): Promise<PublishedSchema | undefined> {
  const control = session.call
  const { entries } = await client.kv.getRange({ prefix: `${OPERATIONS}/instances/`, ...control })
  const directory = `${root.replace(/\/+$/, '')}/`
  const instances = entries
    .flatMap(({ text, modRevision }) => instanceOf(text, modRevision) ?? [])
    .filter(({ layers }) => layers.some(({ prefix }) => `${prefix}/`.startsWith(directory)))
    .sort((a, b) => b.revision - a.revision)
  const [newest] = instances
  if (newest === undefined) return undefined
  const prints = new Set(instances.map(({ fingerprint }) => fingerprint))
  if (prints.size > 1)
    session.warn(
      `The instances of ${root} run ${prints.size} different schemas; this is the one of the newest.`,
    )
  const stored = await client.kv.get(`${OPERATIONS}/schemas/${newest.fingerprint}`, control)
  const schema = stored === undefined ? undefined : schemaOf(stored.text)
  if (schema === undefined) return undefined
  return { definition: jsonSchemaDefinition(newest.name, schema), layers: newest.layers }
}

function instanceOf(text: string, revision: number): Instance | undefined {
  const read = parsed(text)
  if (read?.['version'] !== 1) return undefined
  const { name, schema, layers } = read
  if (typeof name !== 'string' || typeof schema !== 'string' || !Array.isArray(layers)) return undefined
  const list = layers.flatMap((layer: unknown) => layerOf(layer) ?? [])
  return list.length === layers.length ? { name, fingerprint: schema, layers: list, revision } : undefined
}

function layerOf(layer: unknown): EtcdLayer | undefined {
  if (typeof layer !== 'object' || layer === null) return undefined
  const { prefix, at } = layer as { readonly prefix?: unknown; readonly at?: unknown }
  if (typeof prefix !== 'string') return undefined
  return {
    prefix: prefix.replace(/\/+$/, ''),
    optional: true,
    ...(typeof at === 'string' && at !== '' && { at }),
  }
}

function schemaOf(text: string): Readonly<Record<string, unknown>> | undefined {
  const read = parsed(text)
  const schema = read?.['version'] === 1 ? read['schema'] : undefined
  return typeof schema === 'object' && schema !== null ? (schema as Record<string, unknown>) : undefined
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
