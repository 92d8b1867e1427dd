import { keyIdOf } from '../encryption/envelope.ts'
import { isOpenAt, isSecretAt, schemaNodeAt } from '../schema/describe.ts'
import { coreOf, type SchemaNode } from '../schema/schema-node.ts'
import { SECRET_TEXT } from '../secret-text.ts'
import { coverOf } from '../format/cover.ts'
import { ownCopy } from '../format/own-copy.ts'
import { WrittenScalar } from '../format/written-scalar.ts'
import { givenOf } from './given.ts'
import type { IssueWriter } from './issue-writer.ts'
import type { Holder } from './locate.ts'
import type { Origin, Path } from '../issue.ts'
import type { ExplainedLayer } from './outcome.ts'
import { parsePathText, pathText } from '../format/path-text.ts'
import { plainValue } from './plain-value.ts'
import { partView, redact } from './redact.ts'
import {
  type DocumentMark,
  entriesOf,
  type Entry,
  isPresent,
  type TreeNode,
  visibleAbove,
} from './tree-node.ts'

/** What is at a path, and which layers have a say in it, the highest first. */
export function explainPath(
  schemaNode: SchemaNode,
  writer: IssueWriter,
  /** `isOfTree`: it was made of the layers as they stand. */
  current: { readonly value: unknown; readonly isOfTree: boolean },
  wanted: string | Path,
): { path: Path; value: unknown; layers: readonly ExplainedLayer[] } {
  const path = typeof wanted === 'string' ? parsePathText(wanted) : wanted
  const value = valueAt(schemaNode, current.value, path)
  const shown = value !== undefined && isSecretAt(schemaNode, path) ? SECRET_TEXT : value
  const holder = holderOf(schemaNode, writer, path)
  const layers = holder === undefined ? [] : explainedLayers(schemaNode, writer, holder)
  // what no layer gives, and is there all the same, the schema made: a default, or a transform
  const isMade = current.isOfTree && shown !== undefined && !isGivenBy(holder)
  return {
    path,
    value: shown,
    layers: isMade ? [{ origin: schemaOrigin(path), value: shown }, ...layers] : layers,
  }
}

/** What a path speaks of; undefined where no layer has anything, be it that all above the path is hidden there. */
function holderOf(schemaNode: SchemaNode, writer: IssueWriter, path: Path): Holder | undefined {
  const holder = writer.holder(path)
  if (holder === undefined || holder.at.length === path.length) return holder
  const { node, at } = holder
  if (entriesOf(node).some(({ value }) => coverOf(value) === undefined)) return holder
  // the items of a list that is hidden have no numbers
  const above = schemaNodeAt(schemaNode, at)
  return above !== undefined && coreOf(above).type === 'list' ? holder : undefined
}

/** Whether any layer gives what is in service, as against one that is hidden or only hides others. */
function isGivenBy(holder: Holder | undefined): boolean {
  if (holder === undefined) return false
  const hidden = holder.above.reduce((layer, node) => visibleAbove(node, layer), -1)
  return isPresent(holder.node, hidden)
}

function explainedLayers(schemaNode: SchemaNode, writer: IssueWriter, holder: Holder): ExplainedLayer[] {
  const { node, at } = holder
  const isHidden = schemaNode.hasSecret && !isOpenAt(schemaNode, at)
  const found: FoundLayer[] = [
    ...entriesOf(node).map((entry) => ({
      layer: entry.layer,
      origin: writer.originOf(entry, at),
      value: shownAs(entry.value, isHidden),
      ...encryption(entry),
    })),
    ...(node.documents ?? []).map((mark) => ({
      layer: mark.layer,
      origin: writer.originOfDocument(mark),
      value: shownAs(mark.value, isHidden),
      ...encryption(mark),
    })),
    ...[...keysBelow(schemaNode, node, at)].map(([layer, { revision, values }]) => ({
      layer,
      origin: writer.origin(layer, at, revision),
      value: values,
    })),
  ]
  const all = [...found, ...coversAbove(writer, holder, found)]
  all.sort((a, b) => b.layer - a.layer)
  return all.map(({ layer: _, ...shown }) => shown)
}

function encryption(own: Entry | DocumentMark): Pick<ExplainedLayer, 'encryptedWith'> {
  const encryptedWith = keyIdOf(givenOf(own))
  return encryptedWith === undefined ? {} : { encryptedWith }
}

interface FoundLayer extends ExplainedLayer {
  readonly layer: number
}

/** What stands above a place and hides any of what was found there. */
function coversAbove(writer: IssueWriter, { above, at }: Holder, found: readonly FoundLayer[]): FoundLayer[] {
  if (!above.some(({ mayCover }) => mayCover)) return []
  const lowest = Math.min(...found.map(({ layer }) => layer))
  return above.flatMap((node, depth) =>
    entriesOf(node)
      .filter(({ layer, value }) => layer > lowest && coverOf(value) !== undefined)
      .map((entry) => ({
        layer: entry.layer,
        origin: writer.originOf(entry, at.slice(0, depth)),
        value: entry.value,
      })),
  )
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
    keys.values[path.slice(at.length).join('/')] = shownAs(value, isHidden)
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

/** What a layer holds, as a copy: a scalar as it was written. A text that hides lower layers is no secret. */
function shownAs(value: unknown, isHidden: boolean): unknown {
  if (isHidden && coverOf(value) === undefined) return SECRET_TEXT
  return value instanceof WrittenScalar ? value.text : ownCopy(plainValue(value))
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

/** An instance that a transform made may throw when it is read: then nothing is known of its parts. */
function partAt(value: unknown, segment: string | number): unknown {
  try {
    if (value instanceof Map) return valueOfKey(value, segment)
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined
    return (value as Record<string | number, unknown>)[segment]
  } catch {
    return undefined
  }
}

/** The keys of a map need not be text; in a path they are. */
function valueOfKey(map: ReadonlyMap<unknown, unknown>, segment: string | number): unknown {
  for (const [key, value] of map) if (String(key) === String(segment)) return value
  return undefined
}
