import type { TreeNode } from './tree-node.ts'

/** Notices whether anything under the nodes of unused keys was written since they were listed. */
export class UnusedWatch {
  #nodes: ReadonlySet<TreeNode> = new Set()
  #isTouched = true

  get isTouched(): boolean {
    return this.#isTouched
  }

  begin(nodes: readonly TreeNode[]): void {
    this.#nodes = new Set(nodes)
    this.#isTouched = false
  }

  /** Begins a trial; what it returns takes back what was noticed since. */
  beginTrial(): () => void {
    const nodes = this.#nodes
    const isTouched = this.#isTouched
    return () => {
      this.#nodes = nodes
      this.#isTouched = isTouched
    }
  }

  /** A leaf was written at the end of a way from the root. */
  note(way: readonly TreeNode[]): void {
    this.#isTouched ||= this.#nodes.size > 0 && way.some((node) => this.#nodes.has(node))
  }

  /** What was written may be anywhere: a whole layer, a document, a key that has no place. */
  noteAll(): void {
    this.#isTouched = true
  }
}
