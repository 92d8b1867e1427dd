import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import { coverOf, isWithin } from '@livetree/core/tools'
import { mountOf } from '../tree/known-place.ts'
import type { Holder } from './json-document.ts'

/** What a layer holds. */
interface Layer {
  readonly layer: LayerInfo
  holderOf: (path: Path) => Holder | undefined
  documentIn: (path: Path) => Holder | undefined
  textsBelow: (path: Path) => readonly { readonly names: readonly string[]; readonly text: string }[]
}

/** The names at a path in all layers together, the lowest first, without those that a layer removes. */
export function namesAt(layers: readonly Layer[], path: Path): ReadonlySet<string> {
  const names = new Set<string>()
  for (const layer of layers)
    for (const { name, isRemoved } of namesIn(layer, path))
      if (isRemoved) names.delete(name)
      else names.add(name)
  return names
}

function namesIn(view: Layer, path: Path): readonly { readonly name: string; readonly isRemoved: boolean }[] {
  const mount = mountOf(view.layer)
  if (!isWithin(path, mount))
    return isWithin(mount, path) ? [{ name: String(mount[path.length]), isRemoved: false }] : []
  const inKeys = view.textsBelow(path).map(({ names: [name = '', ...below], text }) => ({
    name,
    isRemoved: below.length === 0 && coverOf(text) === 'remove',
  }))
  return [...namesInDocument(view, path), ...inKeys]
}

function namesInDocument(view: Layer, path: Path): ReturnType<typeof namesIn> {
  const holder = view.holderOf(path) ?? view.documentIn(path)
  const part: unknown = JSON.parse(holder?.document.partAt(holder.names) ?? '{}')
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return []
  return Object.entries(part).map(([name, value]: [string, unknown]) => ({
    name,
    isRemoved: typeof value === 'string' && coverOf(value) === 'remove',
  }))
}
