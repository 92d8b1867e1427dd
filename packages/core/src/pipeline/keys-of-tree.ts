import type { Path } from '../issue.ts'

/** What names do not say of the keys of a tree. */
export interface KeysOfTree {
  /** The variable that leads to a place, where that is not the one its names are written as. */
  variableAt(layer: number, names: Path): string | undefined
  /** The key of a layer's own document, where that is not the one that the layer says. */
  documentKeyAt(layer: number): string | undefined
  /** Whether a layer has any. */
  hasLeaves(layer: number): boolean
}

/** For a tree whose names are its keys. */
export const NO_KEYS: KeysOfTree = {
  variableAt: () => undefined,
  documentKeyAt: () => undefined,
  hasLeaves: () => false,
}
