import { decodeSegment, encodeSegment } from '../format/key-segment.ts'
import { entriesOf, flatten, isUnreadObject } from './flatten.ts'
import { type KeyWrite, type LayerChange, type Leaf, Unreadable } from './source.ts'

/**
 * The changes that writes make to layers of nested objects. A value takes the place of all that is at its path and below,
 * and what stands above it and is no object gives way. Taking a value away leaves the object that it was in. An object that
 * could not be read, and a document, stay so until they are written as a whole, because the rest of their content is unknown.
 *
 * @param held the leaves of all layers of the source
 * @param read what the source takes a written value for, such as a text with its variables put in
 * @param form where a source hands over less of a document than is written in it
 */
export function nestedChanges(
  writes: readonly KeyWrite[],
  held: readonly (readonly Leaf[])[],
  read: (value: unknown) => unknown = (value) => value,
  form?: WrittenForm,
): LayerChange[] {
  return [...new Set(writes.map(({ layer }) => layer))].flatMap((layer) => {
    const before = held[layer] ?? []
    const document = new NestedDocument(form === undefined ? before : leavesIn(form.writtenIn(layer)))
    const own = writes.filter((write) => write.layer === layer)
    for (const { path, value } of own)
      document.set(namesOf(path), value === undefined ? undefined : read(value))
    const leaves = difference(
      before,
      document.leaves(form),
      own.map(({ path }) => namesOf(path)),
    )
    return leaves.map((leaf) => ({ layer, leaf }))
  })
}

/** How a source reads its documents. */
export interface WrittenForm {
  /** The whole document of a layer; `undefined` where there is none. */
  writtenIn(layer: number): unknown
  /** What the source hands over of such a document. */
  countingIn(document: unknown): unknown
}

/** The names on the way to a path: a segment that is not well encoded is a name as it is written. */
export function namesOf(path: string): string[] {
  return path === '' ? [] : path.split('/').map((segment) => decodeSegment(segment) ?? segment)
}

/** What is gone, and what stands at the places written to, above and below them. */
function difference(before: readonly Leaf[], after: readonly Leaf[], places: readonly string[][]): Leaf[] {
  const known = new Set(before.map(({ path }) => path))
  const kept = new Set(after.map(({ path }) => path))
  const written = new Set(places.map(pathOf))
  const above = new Set(places.flatMap((names) => namesAbove(names).map(pathOf)))
  const isTouched = ({ path }: Leaf) => {
    if (!known.has(path) || above.has(path) || written.has(path)) return true
    return namesAbove(namesOf(path)).some((names) => written.has(pathOf(names)))
  }
  const gone = before.filter(({ path }) => !kept.has(path))
  return [...gone.map(({ path }) => ({ path, value: undefined, revision: 0 })), ...after.filter(isTouched)]
}

function leavesIn(document: unknown): Leaf[] {
  return document === undefined ? [] : flatten(document)
}

function pathOf(names: readonly string[]): string {
  return names.map(encodeSegment).join('/')
}

function namesAbove(names: readonly string[]): (readonly string[])[] {
  return names.map((_, count) => names.slice(0, count))
}

function partOf(node: unknown, name: string): unknown {
  if (node instanceof Map) return node.get(name)
  return entriesOf(node)?.find(([own]) => own === name)?.[1]
}

/** A document made of its leaves again. */
class NestedDocument {
  #top: unknown = undefined
  /** Nothing of it could be read, and it has not been written as a whole since. */
  #isUnread = false
  /** The maps made here: what was given is not written to. */
  readonly #made = new WeakSet<object>()

  constructor(leaves: readonly Leaf[]) {
    for (const { path, value } of leaves) {
      const names = namesOf(path)
      // An object stands beside the names below it that no tree can hold.
      const isThere = entriesOf(value)?.length === 0 && this.#at(names) instanceof Map
      if (!isThere) this.set(names, value)
    }
    this.#isUnread = this.#top instanceof Unreadable
  }

  leaves(form: WrittenForm | undefined): Leaf[] {
    return leavesIn(form === undefined ? this.#top : form.countingIn(this.#top))
  }

  set(names: readonly string[], value: unknown): void {
    const last = names.at(-1)
    if (last === undefined) {
      this.#top = value
      this.#isUnread = false
      return
    }
    if (this.#isUnreadAbove(names) || (value === undefined && this.#at(names) === undefined)) return
    let map = this.#ownMap(this.#top)
    this.#top = map
    for (const name of names.slice(0, -1)) {
      const next = this.#ownMap(map.get(name))
      map.set(name, next)
      map = next
    }
    if (value === undefined) map.delete(last)
    else map.set(last, value)
  }

  #isUnreadAbove(names: readonly string[]): boolean {
    if (this.#isUnread) return true
    return namesAbove(names).some((above) => isUnreadObject(this.#at(above)))
  }

  #at(names: readonly string[]): unknown {
    return names.reduce((at, name) => partOf(at, name), this.#top)
  }

  #ownMap(given: unknown): Map<string, unknown> {
    if (given instanceof Map && this.#made.has(given)) return given as Map<string, unknown>
    const map = new Map((entriesOf(given) ?? []).map(([name, part]) => [String(name), part]))
    this.#made.add(map)
    return map
  }
}
