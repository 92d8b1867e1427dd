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

/** The children of a node: in a list, in order, or if there are many in a map. */
export type Children<N extends Named> = readonly N[] | ChildMap<N>

/** Up to this number of children are searched one by one; a map costs twice as much memory. */
const FEW = 16

/** The children with another one, of a name that none of them has; a map is added to. */
export function withChild<N extends Named>(children: Children<N>, child: N): Children<N> {
  if (!(children instanceof ChildMap))
    return children.length < FEW ? withOneMore(children, child) : new ChildMap([...children, child])
  children.add(child)
  return children
}

export function byName(a: Named, b: Named): number {
  return compareNames(a.name, b.name)
}

/** Whether a child comes after all that there are, as most do: they are not searched for one of its name. */
export function isAfterAll<N extends Named>(children: Children<N>, name: string): boolean {
  if (children instanceof ChildMap) return false
  const last = children.at(-1)
  return last === undefined || compareNames(last.name, name) < 0
}

/** In order, in a list of exactly the size it needs, as `push` makes none; several times as fast as `toSpliced` and `concat`. */
function withOneMore<N extends Named>(nodes: readonly N[], added: N): readonly N[] {
  let place = nodes.length
  if (!isAfterAll(nodes, added.name)) place = nodes.findIndex((node) => byName(node, added) > 0)
  const more = new Array<N>(nodes.length + 1)
  for (let index = 0; index < place; index++) more[index] = nodes[index] as N
  more[place] = added
  for (let index = place; index < nodes.length; index++) more[index + 1] = nodes[index] as N
  return more
}
