/** A refusal for people: what is wrong, and what to do. Nothing was written. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  /** `usage`: the command line is wrong. `refused`: it is right, but the place is not. */
  readonly kind: 'usage' | 'refused'

  constructor(kind: 'usage' | 'refused', message: string) {
    super(message)
    this.kind = kind
  }
}
