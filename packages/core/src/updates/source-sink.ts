import { disown } from '../callback.ts'
import { type LeafList, leafList } from '../pipeline/leaf-list.ts'
import type { StagedUpdate } from '../pipeline/outcome.ts'
import type { Leaf, SourceSink, TreeReplacement } from '../source/source.ts'
import { malformed, type SinkMethod, unreadable } from './sink-contract.ts'

/** One report of a source, in the order of its calls. `malformed`: a call that cannot be used, and why. */
export type SourceReport =
  | StagedUpdate
  | { readonly type: 'part'; readonly layer: number; readonly list: LeafList }
  | { readonly type: 'alive'; readonly proof: { readonly revision: number; readonly provenAt: number } }
  | { readonly type: 'lost'; readonly reason: { readonly error: Error; readonly isFinal: boolean } }
  | { readonly type: 'malformed'; readonly problem: string }

type Push = (report: SourceReport) => void

/** Creates the sink of a source with `layerCount` layers: checks every call, whatever a user's source hands over, and pushes it. */
export function createSourceSink(layerCount: number, push: Push): SourceSink {
  const pushChecked = (method: SinkMethod, given: unknown, report: SourceReport) => {
    const problem = malformed(method, given)
    push(problem === undefined ? report : { type: 'malformed', problem })
  }
  return {
    beginReplace: () => beginReplace(layerCount, push),
    replace: (update) => pushChecked('replace', update, { type: 'replace', update }),
    patch: (update) => pushChecked('patch', update, { type: 'patch', update }),
    alive: (proof) => pushChecked('alive', proof, { type: 'alive', proof }),
    lost: (reason) => pushChecked('lost', reason, { type: 'lost', reason }),
  }
}

function beginReplace(layerCount: number, push: Push): TreeReplacement {
  const layers = Array.from({ length: layerCount }, (): Leaf[] => [])
  const lists = layers.map(leafList)
  let state: 'open' | 'incomplete' | 'ended' = 'open'
  const refuse = (problem: string) => push({ type: 'malformed', problem })
  const refuseEnded = (method: SinkMethod, given: unknown) => {
    disown(given)
    refuse(`called ${method}() on a replacement that has ended by commit() or abandon()`)
  }
  return {
    add(layer, leaves) {
      if (state === 'ended') return refuseEnded('add', leaves)
      const problem = malformed('add', { layer, leaves }) ?? collect(layers, layer, leaves)
      const list = lists[layer]
      if (problem === undefined && list !== undefined) return push({ type: 'part', layer, list })
      // Without this part the tree would lack leaves that the store holds.
      state = 'incomplete'
      if (problem !== undefined) refuse(problem)
    },
    commit(update) {
      if (state === 'ended') return refuseEnded('commit', update)
      const isIncomplete = state === 'incomplete'
      state = 'ended'
      const problem = malformed('commit', update)
      if (isIncomplete) return refuse('called commit() on a replacement of which a part was dropped')
      if (problem !== undefined) return refuse(problem)
      try {
        push({ type: 'replace', update: { ...update, layers }, lists })
      } catch (cause) {
        refuse(unreadable('commit', cause))
      }
    },
    abandon() {
      state = 'ended'
    },
  }
}

/** Copies the leaves, so that the array stays the source's own. Returns the problem, if there is one. */
function collect(layers: readonly Leaf[][], layer: number, leaves: readonly Leaf[]): string | undefined {
  const list = layers[layer]
  if (list === undefined) return `called add() for layer ${layer} and declares ${layers.length} layers`
  try {
    for (const leaf of leaves) list.push(leaf)
    return undefined
  } catch (cause) {
    return unreadable('add', cause)
  }
}
