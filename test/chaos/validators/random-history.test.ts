import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { examine } from './evidence.ts'
import { decode } from './model-history.test.kit.ts'
import { randomHistory } from './random-history.test.kit.ts'
import { spoilingsOf } from './history-mutators.test.kit.ts'
import { describeViolations, validate, validators } from './validate.ts'
import { expectShare } from '../../support/expect-share.ts'

const runs = { numRuns: 300 }

describe('validate, on random histories', () => {
  it('finds nothing where all went well', () => {
    fc.assert(
      fc.property(fc.gen(), (g) => {
        expect(describeViolations(validate(randomHistory(g), decode))).toBe('')
      }),
      runs,
    )
  })

  it.each(Object.keys(validators))('%s notices what breaks it, wherever it happens', (name) => {
    let spoiled = 0
    fc.assert(
      fc.property(fc.gen(), (g) => {
        const history = randomHistory(g)
        const spoilings = spoilingsOf(history)[name]!
        if (spoilings.length === 0) return
        spoilings[g(fc.nat, { max: spoilings.length - 1 })]!()
        spoiled += 1
        expect(validators[name]!(examine(history, decode))).not.toEqual([])
      }),
      runs,
    )
    // or the test has shown nothing
    expectShare('spoiled', spoiled, { of: runs.numRuns, typical: 0.5 })
  })
})
