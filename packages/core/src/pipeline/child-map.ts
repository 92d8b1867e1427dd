import { compareNames } from './name-order.ts'

/** What has a name among its siblings. */
interface Named {
  readonly name: string
}

/** Many children, by name. Puts itself in order only when it is asked for all of them: they come one by one. */
export class ChildMap<N extends Named> extends Map<string, N> {
  isSorted = true
  #last: string | undefined = undefined

  constructor(children: readonly N[]) {
    super()
    for (const child of children) this.add(child)
  }

  add(child: N): void {
    this.isSorted &&= this.#last === undefined || compareNames(this.#last, child.name) < 0
    this.#last = child.name
    this.set(child.name, child)
  }
}

export function byName(a: Named, b: Named): number {
  return compareNames(a.name, b.name)
}

/** In order, in a list of exactly the size it needs, as `push` makes none; several times as fast as `concat`. */
export function withOneMore<N extends Named>(nodes: readonly N[], added: N): readonly N[] {
  const at = nodes.findLastIndex((node) => byName(node, added) <= 0) + 1
  return nodes.toSpliced(at, 0, added)
}
