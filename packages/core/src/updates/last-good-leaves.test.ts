import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Leaf, PatchUpdate } from '../source/source.ts'
import { LastGoodLeaves } from './last-good-leaves.ts'

type Step =
  | { readonly type: 'patch'; readonly leaves: readonly Leaf[] }
  | { readonly type: 'replace'; readonly leaves: readonly Leaf[] }
  | { readonly type: 'accept' }

const path = fc.constantFrom('a', 'b', 'c/d', 'c/e')
const leaf = fc.record({ path, value: fc.constantFrom('1', '2', undefined), revision: fc.constant(1) })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('patch' as const), leaves: fc.array(leaf, { maxLength: 3 }) }),
  fc.record({
    type: fc.constant('replace' as const),
    leaves: fc.uniqueArray(
      leaf.map((one) => ({ ...one, value: one.value ?? '3' })),
      { selector: (one) => one.path },
    ),
  }),
  fc.constant({ type: 'accept' as const }),
)

function apply(held: Map<string, unknown>, leaves: readonly Leaf[]): void {
  for (const { path: at, value } of leaves) {
    if (value === undefined) held.delete(at)
    else held.set(at, value)
  }
}

const leavesOf = (changes: PatchUpdate['changes']) => changes.map((change) => change.leaf)

describe('LastGoodLeaves', () => {
  it('detour leads from the staged leaves to the accepted ones and back, whatever happened between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ledger = new LastGoodLeaves(1)
        const staged = new Map<string, unknown>()
        let accepted = new Map<string, unknown>()
        for (const one of steps) {
          if (one.type === 'accept') {
            ledger.accept()
            accepted = new Map(staged)
          } else if (one.type === 'patch') {
            ledger.patch(one.leaves.map((changed) => ({ layer: 0, leaf: changed })))
            apply(staged, one.leaves)
          } else {
            ledger.replace({ revision: 1, epoch: 0, layers: [one.leaves] })
            staged.clear()
            apply(staged, one.leaves)
          }
          const { back, forth } = ledger.difference()
          const there = new Map(staged)
          apply(there, leavesOf(back))
          expect(there).toEqual(accepted)
          apply(there, leavesOf(forth))
          expect(there).toEqual(staged)
          expect(new Map(ledger.leaves()[0]!.map((held) => [held.path, held.value]))).toEqual(staged)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('has nothing to go back over when nothing was written since', () => {
    const ledger = new LastGoodLeaves(2)
    const one = { path: 'a', value: '1', revision: 1 }
    ledger.replace({ revision: 1, epoch: 0, layers: [[one], []] })
    ledger.accept()
    ledger.replace({ revision: 2, epoch: 0, layers: [[one], []] })
    expect(ledger.difference()).toEqual({ back: [], forth: [] })
  })
})
