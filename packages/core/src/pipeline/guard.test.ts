import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createPipeline } from './create-pipeline.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { issuesOf, staged, storedLayer, type Tree, acceptedValue } from './staged.test.kit.ts'

const schema = z.object({
  flags: z.record(z.string(), z.boolean()),
  db: z.object({ host: z.string().optional(), port: z.number().optional() }).loose(),
  hosts: z.array(z.string()).optional(),
})

const MINUTE = 60_000

const keys = (prefix: string, count: number, value: unknown = 'on'): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}/k${n}`, value]))

const gone = (prefix: string, count: number): Tree =>
  Object.fromEntries(Object.keys(keys(prefix, count)).map((key) => [key, undefined]))

describe('guardIssues: a change that removes too much is rejected', () => {
  test.each<[string, object, number, boolean]>([
    ['half of ten, by default', {}, 5, false],
    ['more than half of ten, by default', {}, 6, true],
    ['fewer than five, whatever their share', { maxRemovedShare: 0 }, 4, false],
    ['none may be removed', { maxRemovedShare: 0 }, 5, true],
    ['a third', { maxRemovedShare: 0.3 }, 5, true],
    ['eight of ten, where nine may be', { maxRemovedShare: 0.9 }, 8, false],
    ['a single one', { maxRemovedShare: 0.05, minRemoved: 1 }, 1, true],
    ['ten at least', { minRemoved: 10 }, 9, false],
  ])('%s', (_name, guard, count, isRejected) => {
    for (const isReplace of [false, true]) {
      const { patch, replace } = staged(schema, { guard })
      patch(0, { ...keys('flags', 9), 'db/host': 'x' })
      const outcome = isReplace
        ? replace(
            0,
            Object.fromEntries(Object.entries({ 'db/host': 'x', ...keys('flags', 9) }).slice(0, 10 - count)),
          )
        : patch(0, gone('flags', count))
      expect(outcome.type).toBe(isRejected ? 'rejected' : 'accepted')
    }
  })

  test('with how much it is, of which source, and what to do', () => {
    const { patch } = staged(schema)
    patch(0, { ...keys('flags', 9), 'db/host': 'x' })
    expect(issuesOf(patch(0, gone('flags', 8)))).toEqual([
      {
        path: [],
        pathText: '',
        code: 'guard',
        message:
          'Removes 8 of the 10 leaves of base (80 %; more than 50 % at once), which is taken for an accident, so nothing newer of any source is served. ' +
          'Put them back, or say in the same write that the removal is meant',
        expected: undefined,
        received: undefined,
        origins: [{ source: 'base', layer: 'base', key: '/base', revision: 0 }],
      },
    ])
  })

  test('or all that was in a directory which the schema requires, however large the rest', () => {
    const { patch } = staged(schema)
    patch(0, { ...keys('flags', 5), ...keys('db', 95, 'x') })
    expect(issuesOf(patch(0, gone('flags', 5)))).toMatchObject([
      {
        code: 'guard',
        pathText: 'flags',
        message: expect.stringMatching(/^Removes all 5 leaves of flags, /),
        origins: [{ key: '/base/flags' }],
      },
    ])
    expect(patch(0, { 'flags/k0': 'on' }).type).toBe('accepted')
  })

  test('but not where another layer still has it, where it may be absent, or where it had little', () => {
    const { patch } = staged(schema)
    patch(0, { ...keys('flags', 5), ...keys('db', 95, 'x'), ...keys('hosts', 9, 'x') })
    patch(1, { 'flags/k0': 'on' })
    expect(patch(0, gone('flags', 5)).type).toBe('accepted')
    expect(patch(0, gone('hosts', 9)).type).toBe('accepted')
    expect(patch(1, { 'flags/k0': undefined }).type).toBe('accepted')
  })

  test('each source is looked at by itself', () => {
    const { patch } = staged(schema)
    patch(0, keys('db', 100, 'x'))
    patch(1, keys('flags', 10))
    expect(issuesOf(patch(1, gone('flags', 6)))[0]?.message).toMatch('6 of the 10 leaves of prod')
  })

  describe('layers of one source', () => {
    const replacing = () => {
      const layers = [storedLayer('base'), storedLayer('prod')]
      const pipeline = createPipeline(compileSchema(schema), [{ name: 'etcd', layers }])
      const leaves = (tree: Tree) =>
        Object.entries(tree).map(([path, value]) => ({ path, value, revision: 1 }))
      return (base: Tree, prod: Tree) => {
        const update = { revision: 1, epoch: 0, layers: [leaves(base), leaves(prod)] }
        pipeline.stage(0, { type: 'replace', update })
        return pipeline.evaluate()
      }
    }

    test('count together', () => {
      const replace = replacing()
      expect(replace(keys('flags', 10), keys('db', 90, 'x')).type).toBe('accepted')
      expect(replace({ 'flags/k0': 'on' }, keys('db', 90, 'x')).type).toBe('accepted')
      expect(replace({ 'flags/k0': 'on' }, keys('db', 9, 'x')).type).toBe('rejected')
    })

    test('may swap their leaves, which are then not remembered as removed', () => {
      const replace = replacing()
      const all = { ...keys('flags', 30), ...keys('db', 10, 'x') }
      expect(replace(all, {}).type).toBe('accepted')
      expect(replace({}, all).type).toBe('unchanged')
      expect(replace(all, {}).type).toBe('unchanged')
      expect(replace({}, { ...keys('flags', 30), ...keys('db', 6, 'x') }).type).toBe('accepted')
      expect(replace({}, { ...keys('flags', 20), ...keys('db', 6, 'x') }).type).toBe('accepted')
      const message = 'Removes 22 of the 40 leaves of etcd (55 %; more than 50 % within'
      expect(issuesOf(replace({}, { ...keys('flags', 12), ...keys('db', 6, 'x') }))[0]?.message).toMatch(
        message,
      )
    })
  })

  test('guard: false removes whatever it is told to', () => {
    const { patch, replace } = staged(schema, { guard: false })
    patch(0, keys('flags', 100))
    expect(acceptedValue(replace(0, {}))).toEqual({ flags: {}, db: {} })
  })

  test('an invalid tree is said to be invalid, and to be nothing else', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 100))
    const issues = issuesOf(patch(0, { ...gone('flags', 99), 'flags/k99': 'maybe' }))
    expect(issues.map(({ code }) => code)).toEqual(['invalid_type'])
    expect(issuesOf(patch(0, { 'flags/k99': 'on' })).map(({ code }) => code)).toEqual(['guard'])
  })

  test('leaves that came and went while the tree was invalid were never had', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 5))
    patch(0, { ...keys('db', 9, 'x'), 'db/port': 'bad' })
    patch(0, keys('db', 9, 'y'))
    patch(0, gone('db', 9))
    expect(patch(0, { 'db/port': undefined }).type).toBe('unchanged')
  })

  test('leaves that were put back and taken away again while the tree was invalid are lost', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 9))
    patch(0, { ...gone('flags', 9), 'db/port': 'bad' })
    patch(0, keys('flags', 9))
    patch(0, gone('flags', 9))
    expect(issuesOf(patch(0, { 'db/port': undefined }))).toMatchObject([{ code: 'guard' }])
  })

  test('keys that took over from a document are as old as it', () => {
    const { patch } = staged(schema)
    patch(0, {
      flags: JSON.stringify(Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`k${n}`, true]))),
    })
    patch(0, { ...keys('flags', 9), 'db/port': 'bad' })
    patch(0, { flags: undefined })
    patch(0, gone('flags', 9))
    expect(issuesOf(patch(0, { 'db/port': undefined }))).toMatchObject([{ code: 'guard' }])
  })

  test('a first tree has nothing to lose', () => {
    const { patch } = staged(schema)
    patch(0, { ...keys('flags', 10), 'db/port': 'x' })
    expect(patch(0, { ...gone('flags', 9), 'db/port': '1' }).type).toBe('accepted')
  })
})

describe('guardIssues: stays until it is healed', () => {
  test('by putting the leaves back, to the value that was', () => {
    const { patch } = staged(schema)
    const { value } = patch(0, keys('flags', 10)) as { value: unknown }
    expect(patch(0, gone('flags', 10)).type).toBe('rejected')
    expect(patch(0, { 'db/host': 'x' }).type).toBe('rejected')
    expect(patch(0, { 'db/host': undefined }).type).toBe('rejected')
    expect(patch(0, keys('flags', 4)).type).toBe('rejected')
    // half of it is no accident any more
    expect(patch(0, { 'flags/k4': 'on' }).type).toBe('accepted')
    expect(acceptedValue(patch(0, keys('flags', 10)))).toEqual(value)
  })

  test('leaves put back count, whatever they hold now, and however they are written', () => {
    const { patch, replace } = staged(schema)
    patch(0, keys('flags', 10))
    expect(patch(0, gone('flags', 10)).type).toBe('rejected')
    expect(patch(0, keys('flags', 10, 'off')).type).toBe('accepted')
    expect(
      patch(0, {
        ...gone('flags', 10),
        flags: JSON.stringify(
          Object.fromEntries(Object.keys(keys('x', 10)).map((key) => [key.slice(2), true])),
        ),
      }).type,
    ).toBe('accepted')
    expect(replace(0, keys('flags', 10)).type).toBe('unchanged')
  })

  test('a document that takes over from keys, or keys from it, removes nothing, in any order', () => {
    const document = JSON.stringify(Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`k${n}`, true])))
    for (const steps of [
      [
        keys('flags', 10),
        { flags: document, ...gone('flags', 10) },
        { ...keys('flags', 10), flags: undefined },
      ],
      [
        { flags: document },
        { ...keys('flags', 10), flags: undefined },
        { ...gone('flags', 10), flags: document },
      ],
    ]) {
      const { patch } = staged(schema)
      expect(steps.map((step) => patch(0, step).type)).toEqual(['accepted', 'unchanged', 'unchanged'])
    }
  })

  test('by the word that it is meant, in the same write or a later one, for its own source only', () => {
    for (const isLater of [false, true]) {
      const { patch } = staged(schema)
      patch(0, keys('flags', 10))
      patch(1, keys('db', 10, 'x'))
      if (isLater) expect(patch(0, gone('flags', 10)).type).toBe('rejected')
      expect(patch(0, gone('flags', 10), { allowRemoval: true }).type).toBe('accepted')
      expect(patch(1, gone('db', 10)).type).toBe('rejected')
    }
  })

  test('permission without a removal allows none that comes later', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 10))
    patch(0, {}, { allowRemoval: true })
    expect(patch(0, gone('flags', 10)).type).toBe('rejected')
  })

  test('the word waits while the tree is invalid for another reason', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 10))
    expect(
      issuesOf(patch(0, { ...gone('flags', 10), 'db/port': 'x' }, { allowRemoval: true })),
    ).toMatchObject([{ code: 'invalid_type' }])
    expect(patch(0, { 'db/port': '1' }).type).toBe('accepted')
  })

  test('and does not speak for another source', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 10))
    patch(1, keys('db', 10, 'x'))
    expect(patch(0, { ...gone('flags', 10), 'db/port': 'x' }, { allowRemoval: true }).type).toBe('rejected')
    expect(patch(1, gone('db', 10)).type).toBe('rejected')
    const issues = issuesOf(patch(0, { 'db/port': '1' }))
    expect(issues.map(({ message }) => message.slice(0, 36))).toEqual([
      'Removes 10 of the 10 leaves of prod ',
    ])
  })

  test('leaves that came and went between two accepted trees do not count', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 4))
    expect(patch(0, { ...keys('db', 100, 'x'), 'flags/k0': 'maybe' }).type).toBe('rejected')
    expect(patch(0, { ...gone('db', 100), 'flags/k0': 'on' }).type).toBe('unchanged')
  })

  test('leaves that were changed in a refused tree, and then removed, do count', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 10))
    expect(patch(0, { ...keys('flags', 10, 'off'), 'db/port': 'x' }).type).toBe('rejected')
    expect(issuesOf(patch(0, { ...gone('flags', 10), 'db/port': '1' }))[0]?.code).toBe('guard')
  })

  test('small removals, one after another, are counted together for a while', () => {
    const { patch, at } = staged(schema)
    patch(0, keys('flags', 12))
    for (let n = 0; n < 6; n++) expect(patch(0, { [`flags/k${n}`]: undefined }).type).toBe('accepted')
    const [issue] = issuesOf(patch(0, { 'flags/k6': undefined }))
    expect(issue?.message).toMatch(
      /^Removes 7 of the 12 leaves of base \(58 %; more than 50 % within 10 minutes\)/,
    )
    // Waiting is no answer; putting one back is.
    at(10 * MINUTE)
    expect(patch(0, { 'db/host': 'x' }).type).toBe('rejected')
    expect(patch(0, { 'flags/k6': 'on', 'db/host': undefined }).type).toBe('unchanged')
    at(30 * MINUTE)
    for (let n = 6; n < 9; n++) expect(patch(0, { [`flags/k${n}`]: undefined }).type).toBe('accepted')
  })

  test('names that change one by one are no removal, and one change of them all is', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 10))
    for (let n = 0; n < 10; n++)
      expect(patch(0, { [`flags/k${n}`]: undefined, [`flags/new${n}`]: 'on' }).type).toBe('accepted')
    expect(patch(0, { ...renamed('flags/new', 'flags/newer', 10) }).type).toBe('rejected')
  })

  test('a backlog that is refused together, and taken back, leaves no refusal behind', () => {
    const { patch, pipeline } = staged(schema)
    patch(0, keys('flags', 10))
    for (let n = 0; n < 6; n++) patch(0, { [`flags/k${n}`]: undefined, [`flags/new${n}`]: 'on' })
    const gonePaths = [6, 7, 8, 9].map((n) => `flags/k${n}`).concat('flags/new0', 'flags/new1')
    const changes = gonePaths.map((path) => ({ layer: 0, leaf: { path, value: undefined, revision: 0 } }))
    expect(pipeline.attempt(0, [{ revision: 100, changes }])).toBeUndefined()
    expect(patch(0, { 'flags/k6': undefined, 'flags/new6': 'on' }).type).toBe('accepted')
  })

  test('a loop that empties a directory which the schema requires is seen too', () => {
    const { patch } = staged(schema)
    patch(0, { ...keys('flags', 5), ...keys('db', 95, 'x') })
    for (let n = 0; n < 4; n++) expect(patch(0, { [`flags/k${n}`]: undefined }).type).toBe('accepted')
    expect(issuesOf(patch(0, { 'flags/k4': undefined }))).toMatchObject([
      {
        code: 'guard',
        pathText: 'flags',
        message: expect.stringMatching(/^Removes all 5 leaves of flags, /),
      },
    ])
  })

  test('a clock that is put back ends the window and no more', () => {
    const { patch, at } = staged(schema)
    at(100 * MINUTE)
    patch(0, keys('flags', 12))
    for (let n = 0; n < 6; n++) patch(0, { [`flags/k${n}`]: undefined })
    at(MINUTE)
    expect(patch(0, { 'flags/k6': undefined }).type).toBe('accepted')
    expect(patch(0, gone('flags', 12)).type).toBe('rejected')
  })
})

describe('guardIssues: what permission covers', () => {
  test('what is gone when it comes, not what goes later', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 20))
    // Given with a write that is rejected for another reason, and taken back with it.
    expect(patch(0, { ...gone('flags', 15), 'db/port': 'x' }, { allowRemoval: true }).type).toBe('rejected')
    expect(patch(0, keys('flags', 15)).type).toBe('rejected')
    expect(patch(0, gone('flags', 15)).type).toBe('rejected')
    expect(issuesOf(patch(0, { 'db/port': '1' }))).toMatchObject([{ code: 'guard' }])
  })

  test('what it allowed stays allowed while something else is wrong', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 20))
    patch(0, { ...gone('flags', 15), 'db/port': 'x' }, { allowRemoval: true })
    patch(0, { 'db/host': 'x' })
    expect(patch(0, { 'db/port': '1' }).type).toBe('accepted')
    // And what goes beside it is counted against what was to stay.
    patch(0, { ...gone('flags', 20), 'db/port': 'x' })
    expect(patch(0, { 'db/port': '1' }).type).toBe('rejected')
  })

  test('with removals of its own, those alone', () => {
    const { patch } = staged(schema)
    patch(0, { ...keys('flags', 20), ...keys('db', 9, 'x') })
    expect(patch(0, gone('flags', 20)).type).toBe('rejected')
    expect(issuesOf(patch(0, gone('db', 9), { allowRemoval: true }))[0]?.message).toMatch(
      /^Removes 20 of the 20 /,
    )
    expect(patch(0, {}, { allowRemoval: true }).type).toBe('accepted')
  })

  test('alone, it ends the window', () => {
    const { patch } = staged(schema)
    patch(0, keys('flags', 20))
    for (let n = 0; n < 11; n++) patch(0, { [`flags/k${n}`]: undefined })
    expect(patch(0, {}, { allowRemoval: true }).type).toBe('accepted')
    expect(patch(0, { 'flags/k11': undefined, 'flags/k12': undefined }).type).toBe('accepted')
  })

  test('the refusal names the command of the source', () => {
    const layer = storedLayer('base')
    const source = {
      name: 'etcd',
      layers: [layer],
      removalCommand: 'etcdctl put /base/.livetree/allow-removal yes',
    }
    const pipeline = createPipeline(compileSchema(schema), [source])
    const replace = (tree: Tree) => {
      const leaves = Object.entries(tree).map(([path, value]) => ({ path, value, revision: 1 }))
      pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [leaves] } })
      return pipeline.evaluate()
    }
    replace({ ...keys('flags', 10), 'db/host': 'x' })
    const issues = issuesOf(replace({ 'db/host': 'x' }))
    expect(issues).toHaveLength(2)
    for (const { message } of issues)
      expect(message).toMatch(/: etcdctl put \/base\/\.livetree\/allow-removal yes$/)
  })
})

describe('guardIssues: what is no removal', () => {
  test('sections of a document that are empty and get filled', () => {
    const { patch } = staged(z.object({ on: z.record(z.string(), z.record(z.string(), z.string())) }))
    const document = (count: number, section: object) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`s${n}`, section])))
    patch(0, { on: document(10, {}) })
    expect(patch(0, { on: document(10, { a: 'x' }) }).type).toBe('accepted')
    expect(patch(0, { on: document(10, { b: 'x', a: 'x' }) }).type).toBe('accepted')
    // Emptied, they are gone.
    expect(patch(0, { on: document(10, {}) }).type).toBe('rejected')
  })

  test('a name that holds a slash is another one than a path', () => {
    const { patch } = staged(z.object({ it: z.record(z.string(), z.unknown()) }))
    const slashed = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`it/a%2Fk${n}`, 'x']))
    patch(0, { ...slashed, 'it/z': 'x' })
    const without = Object.fromEntries(Object.keys(slashed).map((key) => [key, undefined]))
    expect(patch(0, { ...without, ...keys('it/a', 9, 'x') }).type).toBe('rejected')
  })

  test('leaves that move to another layer of their source', () => {
    const layers = [storedLayer('base'), storedLayer('prod')]
    const pipeline = createPipeline(compileSchema(schema), [{ name: 'etcd', layers }])
    const change = (base: Tree, prod: Tree) => {
      const changes = [base, prod].flatMap((tree, layer) =>
        Object.entries(tree).map(([path, value]) => ({ layer, leaf: { path, value, revision: 1 } })),
      )
      pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
      return pipeline.evaluate().type
    }
    expect(change(keys('flags', 10), { 'db/host': 'x' })).toBe('accepted')
    expect(change(gone('flags', 10), keys('flags', 10))).toBe('unchanged')
    expect(change(keys('flags', 10), gone('flags', 10))).toBe('unchanged')
    expect(change(keys('flags', 10), keys('flags', 10))).toBe('unchanged')
    // What was in both before does not stand in: the higher layer has lost what it had.
    expect(change({}, { ...gone('flags', 10) })).toBe('unchanged')
    expect(change(gone('flags', 10), {})).toBe('rejected')
  })

  test('a list that is written as one value, or as keys again', () => {
    const { patch } = staged(schema)
    patch(0, { ...keys('hosts', 9, 'x'), 'db/host': 'x' })
    const hosts = JSON.stringify(Array.from({ length: 9 }, () => 'x'))
    expect(patch(0, { ...gone('hosts', 9), hosts }).type).toBe('unchanged')
    expect(patch(0, { ...keys('hosts', 9, 'x'), hosts: undefined }).type).toBe('unchanged')
    expect(patch(0, { ...gone('hosts', 9) }).type).toBe('rejected')
  })
})

/** Takes leaves away under one name and puts them under another. */
function renamed(from: string, to: string, count: number): Tree {
  const entries = Array.from({ length: count }, (_, n) => [
    [`${from}${n}`, undefined],
    [`${to}${n}`, 'on'],
  ])
  return Object.fromEntries(entries.flat())
}
