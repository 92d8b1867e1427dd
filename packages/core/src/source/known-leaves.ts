import { type Leaf, Unreadable } from './source.ts'

/**
 * What a file held when it could be read last. Knows whether leaves have gone since somebody said that it is meant: only
 * then is there a removal that a touch can allow. Text that cannot be read removes nothing.
 */
export class KnownLeaves {
  #paths: readonly string[] = []
  /** Whether what is in the file now could be read. */
  isReadable = false
  #hasLost = false

  /** Takes note of what is in the file now, layer by layer. */
  take(layers: readonly (readonly Leaf[])[]): void {
    this.isReadable = !layers.flat().some(({ value }) => value instanceof Unreadable)
    if (!this.isReadable) return
    const paths = new Set(layers.flatMap((leaves, layer) => leaves.map(({ path }) => `${layer} ${path}`)))
    this.#hasLost ||= this.#paths.some((path) => !paths.has(path))
    this.#paths = [...paths]
  }

  /** Whether what is in the file now lacks leaves that nobody has allowed to go. */
  get hasLost(): boolean {
    return this.isReadable && this.#hasLost
  }

  /** What is gone now is meant to be. */
  allow(): void {
    if (this.isReadable) this.#hasLost = false
  }
}
