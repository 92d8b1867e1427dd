import { LivetreeError } from '../errors.ts'
import { flatten } from '../source/flatten.ts'
import { LeafMap } from '../source/leaf-map.ts'
import {
  type Leaf,
  type Source,
  type SourceConnection,
  type SourceContext,
  Unreadable,
} from '../source/source.ts'

/** The source of a test configuration. Every operation is one revision. */
export class TestStore implements Source {
  readonly name = 'test'
  readonly layers = [
    { name: 'test', keyPrefix: '', separator: '/', naming: 'exact', isNested: true },
  ] as const
  readonly isRemote = true
  #held: LeafMap
  #revision = 0
  #context: SourceContext | undefined = undefined
  /** The leaves to restore if the current ones turn out to be invalid. */
  #good: readonly Leaf[] | undefined = undefined

  constructor(initial: object) {
    this.#held = new LeafMap(flatten(initial))
  }

  get revision(): number {
    return this.#revision
  }

  open(context: SourceContext): SourceConnection {
    this.#context = context
    this.#replace()
    const close = async () => {
      this.#context = undefined
    }
    return { refresh: async () => {}, close }
  }

  /** Applies a patch. Call `keep` or `heal` once it is validated. */
  set(patch: object): void {
    this.heal()
    this.#good = this.#held.leaves()
    this.#patch(this.#held.merge(flatten(patch)))
  }

  /** Makes the tree unreadable. */
  spoil(): void {
    this.heal()
    this.#good = this.#held.leaves()
    this.#held = new LeafMap([{ path: '', value: new Unreadable('rejected by the test'), revision: 0 }])
    this.#replace()
  }

  keep(): void {
    this.#good = undefined
  }

  heal(): void {
    if (this.#good === undefined) return
    this.#held = new LeafMap(this.#good)
    this.#good = undefined
    this.#replace()
  }

  disconnect(reason: string): void {
    this.#context?.sink.lost({ error: new LivetreeError('source_unavailable', reason), isFinal: true })
  }

  reconnect(): void {
    this.#context?.sink.alive({ revision: this.#revision, provenAt: this.#context.clock.now() })
  }

  #patch(leaves: readonly Leaf[]): void {
    if (leaves.length === 0) return
    const revision = ++this.#revision
    const changes = leaves.map((leaf) => ({ layer: 0, leaf: { ...leaf, revision } }))
    this.#context?.sink.patch({ revision, changes, allowRemoval: true })
  }

  #replace(): void {
    const revision = ++this.#revision
    const leaves = this.#held.leaves().map((leaf) => ({ ...leaf, revision }))
    this.#context?.sink.replace({ revision, epoch: 0, layers: [leaves], allowRemoval: true })
  }
}
