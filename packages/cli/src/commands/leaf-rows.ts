import type { AdminTree } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { isWithin, pathText, plainValue } from '@livetree/core/tools'

/** One value of a tree, and where it comes from. */
export interface LeafRow {
  readonly path: string
  readonly value: unknown
  /** `etcd:/config/shop/prod`, `file:…`, or `default` */
  readonly layer: string
  readonly key: string | null
  /** Null where the layer has none. */
  readonly revision: number | null
}

/**
 * The values at and below a path: of a valid tree those in effect; of an invalid one, what the highest layer of the store
 * holds, as text.
 */
export function leafRows(tree: AdminTree<unknown>, top: Path, isRevealed: boolean): readonly LeafRow[] {
  return tree.isValid ? effectiveRows(tree, top, isRevealed) : storedRows(tree, top, isRevealed)
}

function effectiveRows(tree: AdminTree<unknown>, top: Path, isRevealed: boolean): readonly LeafRow[] {
  const rows: LeafRow[] = []
  const visit = (value: unknown, path: Path) => {
    if (value === undefined) return
    const parts = partsOf(value)
    if (parts !== undefined && parts.length > 0) {
      for (const [name, part] of parts) visit(part, [...path, name])
      return
    }
    const [origin] = tree.explain(path).layers.map((layer) => layer.origin)
    rows.push({
      path: pathText(path),
      value: plainValue(value, isRevealed),
      layer: origin === undefined || origin.source === 'schema' ? 'default' : origin.layer,
      key: origin === undefined || origin.source === 'schema' ? null : origin.key,
      revision: origin === undefined || origin.revision === 0 ? null : origin.revision,
    })
  }
  visit(partAt(isRevealed ? tree.value : tree.redacted(), top), top)
  return rows
}

function storedRows(tree: AdminTree<unknown>, top: Path, isRevealed: boolean): readonly LeafRow[] {
  const rows = new Map<string, LeafRow>()
  for (const { path, pathText: place, text, layer, key, revision } of tree.entries({ reveal: isRevealed }))
    if (isWithin(path, top))
      rows.set(place, { path: place, value: text, layer: `etcd:${layer}`, key, revision })
  return [...rows.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The names and parts of an object or a map; undefined for everything else. */
function partsOf(value: unknown): readonly (readonly [name: string, part: unknown])[] | undefined {
  if (value instanceof Map) return [...value].map(([name, part]) => [String(name), part])
  if (typeof value !== 'object' || value === null) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined
}

/** A part of a value by its path. */
export function partAt(value: unknown, path: Path): unknown {
  let part = value
  for (const name of path) {
    if (part instanceof Map) part = [...part].find(([key]) => String(key) === String(name))?.[1]
    else if (part instanceof Set) part = [...part][Number(name)]
    else if (typeof part === 'object' && part !== null && Object.hasOwn(part, name))
      part = (part as Record<string | number, unknown>)[name]
    else return undefined
  }
  return part
}
