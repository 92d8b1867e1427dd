import { disown } from '../callback.ts'
import { type LeafList, leafList } from '../pipeline/leaf-list.ts'
import type { StagedUpdate } from '../pipeline/outcome.ts'
import type { Leaf, SourceSink, TreeReplacement } from '../source/source.ts'
import { readCall, type SinkArguments, type SinkMethod } from './sink-contract.ts'

/** One report of a source, in the order of its calls. `malformed`: a call that cannot be used, and why. */
export type SourceReport =
  | StagedUpdate
  | { readonly type: 'part'; readonly layer: number; readonly list: LeafList }
  | { readonly type: 'alive'; readonly proof: SinkArguments['alive'] }
  | { readonly type: 'lost'; readonly reason: SinkArguments['lost'] }
  | { readonly type: 'malformed'; readonly problem: string }

type Push = (report: SourceReport) => void

/**
 * Creates the sink of a source with `layerCount` layers: reads every call, whatever a user's source hands over, and pushes a
 * copy of it.
 */
export function createSourceSink(layerCount: number, push: Push): SourceSink {
  const pushRead = <M extends SinkMethod>(
    method: M,
    given: unknown,
    reportOf: (argument: SinkArguments[M]) => SourceReport,
  ) => {
    const read = readCall(method, given)
    push(read.type === 'read' ? reportOf(read.argument) : read)
  }
  return {
    beginReplace: () => beginReplace(layerCount, push),
    replace: (update) => pushRead('replace', update, (own) => ({ type: 'replace', update: own })),
    patch: (update) => pushRead('patch', update, (own) => ({ type: 'patch', update: own })),
    alive: (proof) => pushRead('alive', proof, (own) => ({ type: 'alive', proof: own })),
    lost: (reason) => pushRead('lost', reason, (own) => ({ type: 'lost', reason: own })),
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
      const read = readCall('add', { layer, leaves })
      const list = lists[layer]
      if (read.type === 'read' && list !== undefined) {
        for (const leaf of read.argument.leaves) layers[layer]?.push(leaf)
        return push({ type: 'part', layer, list })
      }
      // Without this part the tree would lack leaves that the store holds.
      state = 'incomplete'
      const stray = `called add() for layer ${layer} and declares ${layerCount} layers`
      refuse(read.type === 'malformed' ? read.problem : stray)
    },
    commit(update) {
      if (state === 'ended') return refuseEnded('commit', update)
      const isIncomplete = state === 'incomplete'
      state = 'ended'
      const read = readCall('commit', update)
      if (isIncomplete) return refuse('called commit() on a replacement of which a part was dropped')
      push(
        read.type === 'malformed' ? read : { type: 'replace', update: { ...read.argument, layers }, lists },
      )
    },
    abandon() {
      state = 'ended'
    },
  }
}
