import { isOpenAt, isSecretAt } from '../schema/describe.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { SECRET_TEXT } from '../secret-text.ts'
import { WrittenScalar } from '../format/written-scalar.ts'
import type { IssueWriter } from './issues.ts'
import type { Origin, Path } from '../issue.ts'
import type { ExplainedLayer } from './outcome.ts'
import { parsePathText, pathText } from '../format/path-text.ts'
import { plainValue } from './plain-value.ts'
import { partView, redact } from './redact.ts'
import { entriesOf, type TreeNode } from './tree-node.ts'

/** What is at a path, and which layers have a say in it, the highest first. */
export function explainPath(
  schemaNode: SchemaNode,
  writer: IssueWriter,
  current: unknown,
  wanted: string | Path,
): { path: Path; value: unknown; layers: readonly ExplainedLayer[] } {
  const path = typeof wanted === 'string' ? parsePathText(wanted) : wanted
  const value = valueAt(schemaNode, current, path)
  const shown = value !== undefined && isSecretAt(schemaNode, path) ? SECRET_TEXT : value
  const layers = explainedLayers(schemaNode, writer, path)
  // what no layer has, and is there all the same, the schema made: a default, or a transform
  const isMade = layers.length === 0 && shown !== undefined
  return { path, value: shown, layers: isMade ? [{ origin: schemaOrigin(path), value: shown }] : layers }
}

function explainedLayers(schemaNode: SchemaNode, writer: IssueWriter, path: Path): ExplainedLayer[] {
  const holder = writer.holder(path)
  if (holder === undefined) return []
  const { node, at } = holder
  const isHidden = schemaNode.hasSecret && !isOpenAt(schemaNode, at)
  const shown = (value: unknown) => (isHidden ? SECRET_TEXT : asWritten(value))
  const found = [
    ...entriesOf(node).map((entry) => ({
      layer: entry.layer,
      origin: writer.originOf(entry, at),
      value: shown(entry.value),
    })),
    ...(node.documents ?? []).map((mark) => ({
      layer: mark.layer,
      origin: writer.originOfDocument(mark),
      value: shown(mark.value),
    })),
    ...[...keysBelow(schemaNode, node, at)].map(([layer, { revision, values }]) => ({
      layer,
      origin: writer.origin(layer, at, revision),
      value: values,
    })),
  ]
  found.sort((a, b) => b.layer - a.layer)
  return found.map(({ origin, value }) => ({ origin, value }))
}

interface KeysBelow {
  /** The newest of them. */
  revision: number
  /** By the path below, as far as it is shown. */
  readonly values: Record<string, unknown>
  count: number
}

/** Nobody reads more of them. */
const MOST_KEYS = 100

/** What each layer has below a node in keys of their own: a list or an object is the work of all of them. */
function keysBelow(schemaNode: SchemaNode, top: TreeNode, at: Path): Map<number, KeysBelow> {
  const byLayer = new Map<number, KeysBelow>()
  const note = (layer: number, path: Path, value: unknown, revision: number) => {
    let keys = byLayer.get(layer)
    if (keys === undefined) {
      keys = { revision: 0, values: Object.create(null) as Record<string, unknown>, count: 0 }
      byLayer.set(layer, keys)
    }
    keys.revision = Math.max(keys.revision, revision)
    if (keys.count++ >= MOST_KEYS) return
    const isHidden = schemaNode.hasSecret && !isOpenAt(schemaNode, path)
    keys.values[path.slice(at.length).join('/')] = isHidden ? SECRET_TEXT : asWritten(value)
  }
  const visit = (node: TreeNode, path: Path) => {
    for (const { layer, value, revision, document } of entriesOf(node)) {
      if (document === undefined) note(layer, path, value, revision)
    }
    for (const { layer, value, revision } of node.documents ?? []) note(layer, path, value, revision)
    for (const child of node.children) visit(child, [...path, child.name])
  }
  for (const child of top.children) visit(child, [...at, child.name])
  return byLayer
}

/** What a layer holds: a scalar as it was written. */
function asWritten(value: unknown): unknown {
  return value instanceof WrittenScalar ? value.text : plainValue(value)
}

function schemaOrigin(path: Path): Origin {
  return { source: 'schema', layer: 'schema', key: pathText(path), revision: 0 }
}

/** The value's part at a path, redacted by the schema node of the whole: a transform may have put a secret anywhere. */
function valueAt(schemaNode: SchemaNode, value: unknown, path: Path): unknown {
  let at: SchemaNode | undefined = schemaNode
  let part = value
  for (const segment of path) {
    const inside = partAt(part, segment)
    if (inside === undefined) return undefined
    at = partView(at, part, segment)
    part = inside
  }
  return redact(part, at)
}

function partAt(value: unknown, segment: string | number): unknown {
  if (value instanceof Map) return valueOfKey(value, segment)
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined
  return (value as Record<string | number, unknown>)[segment]
}

/** The keys of a map need not be text; in a path they are. */
function valueOfKey(map: ReadonlyMap<unknown, unknown>, segment: string | number): unknown {
  for (const [key, value] of map) if (String(key) === String(segment)) return value
  return undefined
}
