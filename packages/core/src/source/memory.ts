import { checkOptions, type OptionTable } from '../check-options.ts'
import { name as nameKind } from '../option-kinds.ts'
import { LivetreeError } from '../errors.ts'
import { shortKey } from '../short-text.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import { assertValues } from './assert-values.ts'
import { BAD_NAME, flatten } from './flatten.ts'
import { LeafMap } from './leaf-map.ts'
import { namesOf } from './nested-writes.ts'
import { ownCopy } from '../format/own-copy.ts'
import {
  type Leaf,
  type PatchUpdate,
  type Source,
  type SourceConnection,
  type SourceContext,
  type SourceSink,
  Unreadable,
} from './source.ts'

/** Options of `memory`. */
export interface MemoryOptions {
  /** Name of the source in `status` and `explain`. Default `memory`. */
  readonly name?: string | undefined
}

/** A source that holds what the program puts into it. */
export interface MemorySource extends Source {
  /**
   * Merges nested plain objects into what is there, leaf by leaf; `undefined` removes a leaf or a whole subtree. Lists
   * and class instances replace as a whole. `current` is new when it returns, unless it is called from inside a listener: then it
   * is applied after the change that listeners are notified of, and after 100 such calls in a row when the event loop has
   * turned: more than 100 that wait for that are applied as one. Is one revision; the removal guard does not apply, since the program decided it.
   */
  set(patch: object): void
  /** Puts nested plain objects in the place of all that is there. */
  replace(value: object): void
}

const OPTION_TABLE: OptionTable = { name: nameKind }

/**
 * Values given by the program: defaults, overrides, tests. The object is read at once, as a copy that goes down through
 * plain objects, lists, Maps, Sets, Dates and bytes, and is never written to; instances of other classes are kept as they
 * are. Names are those of the schema; values may be typed, or text for the schema to read.
 *
 * @throws LivetreeError `invalid_options` when a name is empty or not a scalar, or for a promise, function or symbol anywhere, or a part that throws when it is read; `set` and `replace` throw it as well
 */
export function memory(initial: object = {}, options: MemoryOptions = {}): MemorySource {
  checkOptions('memory()', options, OPTION_TABLE)
  const name = options.name ?? 'memory'
  const sinks = new Set<SourceSink>()
  let held = new LeafMap(leavesFor('memory()', initial))
  let revision = 1

  const replaceAll = (sink: SourceSink) =>
    sink.replace({ revision, epoch: 0, layers: [held.leaves()], allowRemoval: true })

  return {
    name,
    layers: [{ name, keyPrefix: '', separator: '/', naming: 'exact', isNested: true }],
    isRemote: false,
    set(patch) {
      const patched = patchOf(held.merge(leavesFor(`set() of source "${name}"`, patch)))
      if (patched.changes.length === 0) return
      revision++
      for (const sink of [...sinks]) sink.patch({ revision, ...patched })
    },
    replace(value) {
      held = new LeafMap(leavesFor(`replace() of source "${name}"`, value))
      revision++
      for (const sink of [...sinks]) replaceAll(sink)
    },
    open({ sink }: SourceContext): SourceConnection {
      sinks.add(sink)
      replaceAll(sink)
      return {
        refresh: async () => {},
        patchOf(writes, staged) {
          const call = `preview() of source "${name}"`
          const leaves = writes.flatMap(({ path, value }) => leavesFor(call, nestedIn(namesOf(path), value)))
          return patchOf(new LeafMap(staged().flat()).merge(leaves))
        },
        close: async () => {
          sinks.delete(sink)
        },
      }
    },
  }
}

/** What is removed here is meant to be. */
function patchOf(leaves: readonly Leaf[]): Omit<PatchUpdate, 'revision'> {
  return { changes: leaves.map((leaf) => ({ layer: 0, leaf })), allowRemoval: leaves.length > 0 }
}

/** The object that has a value at the end of some names. */
function nestedIn(names: readonly string[], value: unknown): unknown {
  return names.reduceRight((inner, name) => new Map([[name, inner]]), value)
}

/** @throws LivetreeError `invalid_options` */
function leavesFor(call: string, given: unknown): Leaf[] {
  const value = ownCopy(given, (cause) => {
    const why = withoutStop(messageOf(cause))
    throw new LivetreeError('invalid_options', `${call}: a part cannot be read: ${why}.`, { cause })
  })
  assertValues(call, value)
  const leaves = flatten(value)
  const wrong = leaves.find((leaf) => leaf.value instanceof Unreadable && leaf.value.reason === BAD_NAME)
  if (wrong === undefined) return leaves
  const where = wrong.path === '' ? 'The object' : `The object at ${shortKey(wrong.path)}`
  throw new LivetreeError('invalid_options', `${call}: ${where} has ${BAD_NAME}. Give every value a name.`)
}
