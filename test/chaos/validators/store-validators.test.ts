import { describe, expect, it } from 'vitest'
import type { History, StoreEvent } from '../history.ts'
import { examine } from './evidence.ts'
import { decode, goodHistory, ModelStore, type Mutable } from './model-history.test.kit.ts'
import { describeViolations, validate, validators } from './validate.ts'

const eventOf = (history: Mutable<History>, revision: number): Mutable<StoreEvent> =>
  history.epochs[0]!.revisions.find((each) => each.revision === revision)!.events[0]!

/** What breaks each rule, and the revision that the violation has to name. */
const cases: Record<
  string,
  readonly (readonly [what: string, at: number | undefined, spoil: (history: Mutable<History>) => unknown])[]
> = {
  'store-consistent': [
    ['a revision left out', 6, (h) => h.epochs[0]!.revisions.splice(3, 1)],
    ['a revision twice', 3, (h) => h.epochs[0]!.revisions.splice(2, 0, h.epochs[0]!.revisions[1]!)],
    [
      'revisions in another order',
      5,
      (h) => h.epochs[0]!.revisions.splice(4, 0, ...h.epochs[0]!.revisions.splice(3, 1)),
    ],
    ['a revision without a change', 6, (h) => (h.epochs[0]!.revisions[4]!.events = [])],
    ['a key twice in a revision', 3, (h) => h.epochs[0]!.revisions[1]!.events.push(eventOf(h, 3))],
    ['a change of another revision', 6, (h) => (eventOf(h, 6).modRevision = 5)],
    ['a version that does not follow', 6, (h) => Object.assign(eventOf(h, 6), { version: 2 })],
    ['a creation that does not follow', 6, (h) => Object.assign(eventOf(h, 6), { createRevision: 5 })],
    [
      'a creation of what was there',
      6,
      (h) => Object.assign(eventOf(h, 6), { createRevision: 6, version: 1 }),
    ],
    ['a delete of what was not there', 8, (h) => (eventOf(h, 8).key = '/c/base/none')],
    ['a final tree with an entry less', 8, (h) => h.epochs[0]!.final!.entries.pop()],
    ['a final tree with another value', 8, (h) => (h.epochs[0]!.final!.entries[0]!.value = '9')],
    [
      'a final tree with an entry more',
      8,
      (h) => h.epochs[0]!.final!.entries.push({ ...h.epochs[0]!.final!.entries[0]!, key: '/more' }),
    ],
    ['a final tree that is later than it says', 5, (h) => (h.epochs[0]!.final!.revision = 5)],
  ],
  'writes-honest': [
    [
      'an applied write at another revision',
      4,
      (h) => (h.writes[0]!.outcome = { type: 'applied', revision: 4 }),
    ],
    [
      'an applied write that is nowhere',
      2,
      (h) => (h.writes[0]!.operations[0] = { type: 'put', key: '/z', value: 'z' }),
    ],
    [
      'an applied write with a part missing',
      2,
      (h) => h.writes[0]!.operations.push({ type: 'put', key: '/z', value: 'z' }),
    ],
    [
      'an applied delete that did not happen',
      2,
      (h) => h.writes[0]!.operations.push({ type: 'delete', key: '/c/base/port' }),
    ],
    ['an applied write with more than it wrote', 3, (h) => h.writes[1]!.operations.pop()],
    ['an applied write with another value', 6, (h) => Object.assign(eventOf(h, 6), { value: '4' })],
    ['an applied write at two revisions', 2, (h) => Object.assign(eventOf(h, 6), { value: '1' })],
    [
      'a refused write that is there',
      undefined,
      (h) => (h.writes[0]!.outcome = { type: 'refused', code: 'no_leader' }),
    ],
    [
      'an unknown write that is there in part',
      undefined,
      (h) => {
        h.writes[0]!.outcome = { type: 'unknown', code: 'outcome_unknown' }
        h.writes[0]!.operations.push({ type: 'put', key: '/z', value: 'z' })
      },
    ],
    [
      'an unknown write that is there twice',
      undefined,
      (h) => {
        h.writes[0]!.outcome = { type: 'unknown', code: 'outcome_unknown' }
        Object.assign(eventOf(h, 6), { value: '1' })
      },
    ],
  ],
}

for (const [name, table] of Object.entries(cases)) {
  describe(`${name}, of what was written`, () => {
    it.each(table)('reports %s', (_, at, spoil) => {
      const history = goodHistory()
      spoil(history)
      const found = validators[name]!(examine(history, decode))
      expect(found.map((violation) => violation.at)).toContain(at)
      expect(new Set(found.map(({ validator }) => validator))).toEqual(new Set([name]))
    })
  })
}

describe('writes-honest', () => {
  const issuesOf = (history: History) => validators['writes-honest']!(examine(history, decode))

  it('takes unknown for applied once or not at all', () => {
    const history = goodHistory()
    for (const write of history.writes) write.outcome = { type: 'unknown', code: 'outcome_unknown' }
    expect(issuesOf(history)).toEqual([])
  })

  it('lets a delete of nothing be applied without a trace', () => {
    const store = new ModelStore()
    const writes = [store.write({ '/a': '1' }), store.write({ '/z': undefined })]
    expect(issuesOf({ epochs: [store.history()], writes, watches: [], configs: [] })).toEqual([])
  })

  it('counts what a restored store shares with the old one once, and lets it lose the rest', () => {
    const [old, restored] = [new ModelStore(), new ModelStore()]
    const writes = [old.write({ '/a': 'shared' }), old.write({ '/a': 'lost' })]
    restored.write({ '/a': 'shared' })
    writes.push(restored.write({ '/b': 'new' }))
    const epochs = [old.history(), restored.history()]
    expect(issuesOf({ epochs, writes, watches: [], configs: [] })).toEqual([])
  })
})

describe('describeViolations', () => {
  it('says how many there are by each rule, and the first of them in words', () => {
    const history = goodHistory()
    Object.assign(eventOf(history, 6), { value: '4' })
    const violations = validate(history, decode)
    const [summary, ...lines] = describeViolations(violations, 2).split('\n')
    expect(summary).toMatch(/^\d+ violations \(.*\d writes-honest/)
    expect(lines).toEqual([
      expect.stringMatching(/^store-consistent: store 0 \(1\) at revision 8: /),
      expect.stringMatching(/^reliable: plain at revision 6: was given .* = "3" .*, it was .* = "4" /),
      `… and ${violations.length - 2} more`,
    ])
  })
})
