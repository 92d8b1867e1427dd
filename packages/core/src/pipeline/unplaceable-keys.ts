import type { DocumentMark } from './tree-node.ts'

/** A key that has no place in the tree: a segment that is not written as it has to be, or a name no plain object can hold. */
export interface UnplaceableKey {
  readonly layer: number
  readonly path: string
  readonly value: unknown
  readonly revision: number
  readonly reason: string
  readonly document: DocumentMark | undefined
}

/** The unplaceable keys of all layers, also by the document they stand in, which goes away with all of them. */
export class UnplaceableKeys {
  readonly #byId = new Map<string, UnplaceableKey>()
  readonly #byDocument = new Map<DocumentMark, Set<string>>()

  get size(): number {
    return this.#byId.size
  }

  all(): UnplaceableKey[] {
    return [...this.#byId.values()]
  }

  /** One that is a key of its own. */
  get(layer: number, path: string): UnplaceableKey | undefined {
    return this.#byId.get(`${layer}:${path}`)
  }

  delete(layer: number, path: string): void {
    this.#byId.delete(`${layer}:${path}`)
  }

  set(unplaceable: UnplaceableKey): void {
    const { layer, path, document } = unplaceable
    const own = `${layer}:${path}`
    const id = document === undefined ? own : `${own}#${document.path.length}`
    this.#byId.set(id, unplaceable)
    if (document === undefined) return
    const ids = this.#byDocument.get(document) ?? new Set<string>()
    this.#byDocument.set(document, ids.add(id))
  }

  deleteOf(document: DocumentMark): void {
    for (const id of this.#byDocument.get(document) ?? [])
      if (this.#byId.get(id)?.document === document) this.#byId.delete(id)
    this.#byDocument.delete(document)
  }
}
