/** The most proposals that wait, and the most characters of them together. Others are not judged. */
const MOST_WAITING = 16
const MOST_WAITING_TEXT = 2_097_152
/** The last ones that were judged, as many as this, are remembered, so that none is judged twice. */
const MOST_REMEMBERED = 256

/** The part of a proposal that stands in a layer, as it was read. */
export interface WaitingProposal {
  readonly layer: string
  readonly id: string
  readonly text: string
  /** The revision of the store that wrote it. */
  readonly writtenAt: number
}

/** Proposals that wait to be judged, the first that came first. Bounded, whatever is written. */
export class ProposalQueue {
  readonly #waiting = new Map<string, WaitingProposal>()
  readonly #taken = new Set<string>()
  #textLength = 0

  get size(): number {
    return this.#waiting.size
  }

  /** Adds one, unless it is known or there is no room. Returns whether it waits now. */
  add(proposal: WaitingProposal): boolean {
    const name = nameOf(proposal)
    const length = this.#textLength + proposal.text.length
    if (this.#waiting.has(name) || this.#taken.has(name)) return false
    if (this.#waiting.size >= MOST_WAITING || length > MOST_WAITING_TEXT) return false
    this.#waiting.set(name, proposal)
    this.#textLength = length
    return true
  }

  /** The first one, which waits no more and is not added again. */
  take(): WaitingProposal | undefined {
    for (const [name, proposal] of this.#waiting) {
      this.#remove(name, proposal)
      this.#taken.add(name)
      for (const oldest of this.#taken) {
        if (this.#taken.size <= MOST_REMEMBERED) break
        this.#taken.delete(oldest)
      }
      return proposal
    }
    return undefined
  }

  /** A proposal stands no more. */
  drop(layer: string, id: string): void {
    const name = nameOf({ layer, id })
    const proposal = this.#waiting.get(name)
    if (proposal !== undefined) this.#remove(name, proposal)
  }

  /** Drops the proposals of a layer that are not among `ids`, because the store has them no more. */
  keep(layer: string, ids: ReadonlySet<string>): void {
    for (const [name, proposal] of this.#waiting)
      if (proposal.layer === layer && !ids.has(proposal.id)) this.#remove(name, proposal)
  }

  #remove(name: string, { text }: WaitingProposal): void {
    this.#waiting.delete(name)
    this.#textLength -= text.length
  }
}

function nameOf({ layer, id }: Pick<WaitingProposal, 'layer' | 'id'>): string {
  return `${id} ${layer}`
}
