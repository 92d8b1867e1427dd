/**
 * Counts who holds each instance. User code may return one twice, such as a pool that it keeps by address: it is disposed of
 * once, and not while another holder serves it. A value that is no object is a new instance each time.
 */
export class Holders {
  readonly #counts = new Map<unknown, number>()

  hold(value: unknown): void {
    if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1)
  }

  isLast(value: unknown): boolean {
    return (this.#counts.get(value) ?? 1) === 1
  }

  /** Whether nobody holds it any more. */
  release(value: unknown): boolean {
    if (this.isLast(value)) {
      this.#counts.delete(value)
      return true
    }
    this.#counts.set(value, (this.#counts.get(value) ?? 0) - 1)
    return false
  }
}
