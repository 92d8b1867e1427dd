import type { Admin, AdminTree } from '@livetree/admin'
import type { LayerInfo } from '@livetree/core/source'
import type { Path } from '@livetree/core'
import {
  describeUnused,
  isAlong,
  isRestartAt,
  isSecretAt,
  isWithin,
  parsePathText,
  pathText,
  type SchemaLeaf,
} from '@livetree/core/tools'
import { Refusal } from '../security/refusal.ts'
import { rowsOf } from '../tree/rows.ts'
import { fullText } from '../tree/shown-text.ts'
import { sourceName } from '../tree/source-name.ts'
import type {
  HeldView,
  LayerView,
  RowsView,
  SchemaPlaceView,
  SchemaView,
  SessionView,
  UnknownKeyView,
  ValueView,
} from '../wire/index.ts'
import { issueViews } from './issue-views.ts'
import { readQueryPath, readRowsQuery } from './read-input.ts'
import type { Route, RouteContext } from './route.ts'

/** The most unknown keys in one answer. */
const MOST_UNKNOWN = 100

/** The most places of the schema in one answer. */
const MOST_PLACES = 2_000

/** What there is, and where it is from. */
export const TREE_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'session', isMutating: false, run: session },
  { method: 'POST', path: 'tree', isMutating: false, run: rows },
  { method: 'GET', path: 'value', isMutating: false, run: value },
  { method: 'GET', path: 'schema', isMutating: false, run: schema },
]

async function session(context: RouteContext): Promise<SessionView> {
  const { admin, environments, access, isReadOnly } = context
  return {
    name: admin.name,
    user: access.user,
    canWrite: !isReadOnly && access.canWrite,
    isReadOnly,
    layers: layerViews(admin),
    environments: [...environments].map(([name, other]) => ({ name, layers: layerViews(other) })),
  }
}

async function rows({ trees, access, body }: RouteContext): Promise<RowsView> {
  const query = readRowsQuery(body)
  const { tree, index } = await trees.index(access)
  const { total, rows: shown } = rowsOf(tree, index, query)
  return {
    revision: tree.revision,
    total,
    offset: query.offset,
    rows: shown,
    values: index.root.count,
    isValid: tree.isValid,
    issues: issueViews(tree.issues, access),
    unknownKeys: access.seesAll ? unknownKeys(tree) : [],
  }
}

function unknownKeys({ unused }: AdminTree<unknown>): readonly UnknownKeyView[] {
  return unused
    .slice(0, MOST_UNKNOWN)
    .map((key) => ({ key: describeUnused(key), didYouMean: key.didYouMean ?? '' }))
}

async function value({ admin, trees, access, query, isReadOnly }: RouteContext): Promise<ValueView> {
  const path = readQueryPath(query.get('path'))
  const { tree, index } = await trees.index(access)
  const node = index.at(path)
  const leaf = trees.schemaLeaves.find(({ path: place }) => isPlace(place, path))
  if (!access.sees(path) || (node === undefined && leaf === undefined && path.length > 0))
    throw new Refusal(404, 'not_found', `There is nothing at ${pathText(path)} in revision ${tree.revision}.`)
  const isGroup = node?.children !== undefined
  const found = tree.explain(path)
  const layers = layerViews(admin).filter(({ at }) => isWithin(path, at))
  return {
    revision: tree.revision,
    path,
    pathText: pathText(path),
    isGroup,
    text: fullText(tree.isValid ? found.value : node?.value),
    isSecret: isSecretAt(admin.definition, path),
    needsRestart: isRestartAt(admin.definition, path),
    ...schemaOf(leaf),
    held: found.layers.map((held): HeldView => {
      const { key, revision } = held.origin
      const from = sourceName(held.origin)
      const layer = layers.find(({ layer: prefix }) => key === prefix || key.startsWith(`${prefix}/`))
      return { from, key, revision, layer: layer?.layer ?? '', text: fullText(held.value) ?? '' }
    }),
    issues: issueViews(
      tree.issues.filter((issue) => isAlong(issue.path, path)),
      access,
    ),
    layers,
    canWrite: !isReadOnly && access.mayWrite(path),
  }
}

async function schema({ admin, trees, access }: RouteContext): Promise<SchemaView> {
  const seen = trees.schemaLeaves.filter(({ path }) => path.length > 0 && access.sees(path))
  const places = seen.slice(0, MOST_PLACES).map((leaf): SchemaPlaceView => {
    const { takes, description, default: fallback, isOptional } = schemaOf(leaf)
    const { pathText: place, path, isSecret } = leaf
    const needsRestart = isRestartAt(admin.definition, path)
    return {
      path,
      pathText: place,
      takes,
      description,
      default: fallback,
      isSecret,
      isOptional,
      needsRestart,
    }
  })
  return { places, more: seen.length - places.length }
}

function schemaOf(leaf: SchemaLeaf | undefined) {
  return {
    takes: leaf?.type ?? '',
    description: leaf?.description ?? '',
    default: leaf?.isSecret === false ? fullText(leaf.default) : undefined,
    isOptional: leaf?.isOptional ?? true,
    choices: leaf === undefined || leaf.isSecret ? [] : choicesOf(leaf.type),
  }
}

/** The texts that a type such as `"debug" | "info"` names, if it is nothing else. */
function choicesOf(type: string): readonly string[] {
  if (type === 'boolean') return ['true', 'false']
  const parts = type.split(' | ')
  const texts = parts.flatMap((part) => (/^"(?:[^"\\]|\\.)*"$/.test(part) ? [String(JSON.parse(part))] : []))
  return texts.length === parts.length ? texts : []
}

/** Whether a path leads to a place of the schema. */
function isPlace(place: Path, path: Path): boolean {
  return (
    place.length === path.length &&
    place.every((name, index) => name === '<key>' || String(name) === String(path[index]))
  )
}

/** The layers that can be written, each once for each of its mounts. */
export function layerViews({ layers }: Admin<unknown>): readonly LayerView[] {
  return layers.map(({ keyPrefix, at }: LayerInfo) => {
    const layer = keyPrefix.slice(0, -1)
    const name = layer.slice(layer.lastIndexOf('/') + 1)
    return { layer, name, at: at === undefined ? [] : parsePathText(at) }
  })
}
