import type { ConfigHistory, StoreEvent } from '../history.ts'
import { firstFrom, type StoreIndex } from './store-index.ts'

/** The layers of a tree, one for each overlay (or one for the root), path below it to text. The last one wins. */
export type Layers = readonly ReadonlyMap<string, string>[]

/** What a tree is as a configuration. */
export type Decoded = { readonly valid: true; readonly value: unknown } | { readonly valid: false }

/** Decodes a tree in another way than livetree does: the judge of its values. Must not keep or change the maps. */
export type Decode = (layers: Layers, config: Pick<ConfigHistory, 'root' | 'overlays'>) => Decoded

/** What a configuration has to be, from each revision on that changed something below its root. */
export interface TreeState {
  readonly revision: number
  readonly decoded: Decoded
}

/** Every state of a configuration's tree in one store, in order; the first one is that at the base revision. */
export const treeStates = (
  store: StoreIndex,
  config: Pick<ConfigHistory, 'root' | 'overlays'>,
  decode: Decode,
): readonly TreeState[] => {
  const { root, overlays } = config
  const folders = overlays.length === 0 ? [root] : overlays.map((overlay) => `${root}/${overlay}`)
  const layers = folders.map(() => new Map<string, string>())
  const { base, baseRevision, revisions } = store.history
  /** True where the key is part of the configuration. */
  const hold = (key: string, value: string | undefined): boolean => {
    if (key.startsWith(`${root}/.livetree/`)) return false
    let isPart = false
    for (const [index, folder] of folders.entries()) {
      const path = pathBelow(folder, key, overlays.length > 0)
      if (path === undefined) continue
      isPart = true
      const isMarker = value === '' && (path === '' || path.endsWith('/'))
      if (value === undefined || isMarker) layers[index]!.delete(path)
      else layers[index]!.set(path, value)
    }
    return isPart
  }
  for (const { key, value } of base) hold(key, value)
  const states: TreeState[] = [{ revision: baseRevision, decoded: decode(layers, config) }]
  const apply = (event: StoreEvent) => hold(event.key, event.type === 'put' ? event.value : undefined)
  for (const { revision, events } of revisions) {
    const isChanged = events.map(apply).includes(true)
    if (isChanged) states.push({ revision, decoded: decode(layers, config) })
  }
  return states
}

/** The state at a revision; undefined for one from before the witness. */
export const stateAt = (states: readonly TreeState[], revision: number): TreeState | undefined =>
  states[firstFrom(states, revision + 1, (state) => state.revision) - 1]

const pathBelow = (folder: string, key: string, hasDocument: boolean): string | undefined => {
  if (key.startsWith(`${folder}/`)) return key.slice(folder.length + 1)
  // a document for the whole overlay stands at the overlay's own key
  return hasDocument && key === folder ? '' : undefined
}
