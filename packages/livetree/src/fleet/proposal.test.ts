import { describe, expect, test } from 'vitest'
import { readInstance } from './instance-record.ts'
import { OperationsKeys } from './operations.ts'
import { readProposal } from './proposal.ts'
import { readVerdict } from './proposal-verdict.ts'

const ID = '0193a1b2-0000-7000-8000-000000000000'
const LAYER = '/config/shop/prod'
const good = {
  version: 1,
  id: ID,
  author: 'ana',
  at: '2026-11-29T12:00:00.000Z',
  revision: 7,
  layers: [LAYER, '/config/redis'],
  changes: [
    { key: `${LAYER}/port`, text: '81' },
    { key: `${LAYER}/host`, text: null },
    { key: `${LAYER}/token`, isHidden: true },
    { key: LAYER, text: '{}' },
  ],
}
const read = (more: object) => readProposal(JSON.stringify({ ...good, ...more }), LAYER, ID)

describe('readProposal', () => {
  test('reads what an admin writes', () => {
    expect(read({})).toEqual({ type: 'proposal', proposal: good })
    expect(read({ allowsRemoval: true })).toMatchObject({ type: 'proposal' })
  })

  test('a newer version is told, with its layers', () => {
    expect(read({ version: 2, changes: 'other' })).toEqual({ type: 'newer', version: 2, layers: good.layers })
  })

  test.each([
    ['another id', { id: 'x' }],
    ['another layer', { layers: ['/config/redis'] }],
    ['no layers', { layers: undefined }],
    ['layers that are no texts', { layers: [LAYER, 1] }],
    ['too many layers', { layers: [LAYER, ...Array.from({ length: 40 }, String)] }],
    ['a version that is none', { version: '1' }],
    ['no version', { version: undefined }],
    ['an older version', { version: 0 }],
    ['a revision that is none', { revision: '7' }],
    ['an infinite revision', { revision: 1e300 }],
    ['a negative revision', { revision: -1 }],
    ['changes that are no list', { changes: { length: 1 } }],
    ['a change that is none', { changes: [null] }],
    ['a key of another layer', { changes: [{ key: '/config/shop/production/port', text: '1' }] }],
    ['a key without text', { changes: [{ key: `${LAYER}/port` }] }],
    ['a text that is none', { changes: [{ key: `${LAYER}/port`, text: 81 }] }],
    ['a hidden text that is there', { changes: [{ key: `${LAYER}/port`, text: '81', isHidden: true }] }],
    ['too many changes', { changes: Array.from({ length: 1_001 }, () => good.changes[0]) }],
    ['a permission that is none', { allowsRemoval: 'yes' }],
    ['objects with a toString of their own', { version: { toString: 1 }, author: { toString: 1 } }],
  ])('%s is unreadable', (_, more) => {
    expect(read(more)).toEqual({ type: 'unreadable' })
  })

  test.each(['', 'no JSON', '[]', 'null', '1', `"${ID}"`, '['.repeat(50_000)])(
    '%.20s is unreadable',
    (text) => {
      expect(readProposal(text, LAYER, ID)).toEqual({ type: 'unreadable' })
    },
  )

  test('one that is too long is unreadable', () => {
    const changes = [{ key: `${LAYER}/port`, text: 'x'.repeat(524_288) }]
    expect(read({ changes })).toEqual({ type: 'unreadable' })
  })
})

describe('readVerdict', () => {
  const verdict = { version: 1, name: 'shop', id: 'pod-1', verdict: 'accepted', revision: 7, at: 1 }
  const issue = { path: 'a', message: 'wrong', code: 'custom', keys: ['/a'] }

  test('reads what an instance writes', () => {
    const texts = [
      verdict,
      { ...verdict, needsRestart: ['port'] },
      { ...verdict, verdict: 'rejected', issues: [issue], moreIssues: 3 },
      { ...verdict, verdict: 'unjudged', reason: 'behind' },
    ]
    expect(texts.map((each) => readVerdict(JSON.stringify(each)))).toEqual(texts)
  })

  test.each([
    { version: 2 },
    { name: 1 },
    { verdict: 'maybe' },
    { verdict: { toString: 1 } },
    { reason: 'behind' },
    { verdict: 'unjudged' },
    { verdict: 'unjudged', reason: 'bored' },
    { issues: [{ ...issue, message: 1 }] },
    { issues: { length: 1 } },
    { needsRestart: [1] },
    { at: 'now' },
    { needsRestart: Array.from({ length: 10_000 }, () => 'a.long.path') },
  ])('%o is none', (more) => {
    expect(readVerdict(JSON.stringify({ ...verdict, ...more }))).toBeUndefined()
  })
})

describe('readInstance', () => {
  const record = {
    version: 1,
    name: 'shop',
    id: 'pod-1',
    schema: 'abc',
    layers: [{ prefix: LAYER }, { prefix: '/config/redis', at: 'redis' }],
    host: 'node-7',
    pid: 1,
    startedAt: 1,
    verdict: 'applied',
    revision: 7,
    applied: 7,
    epoch: 0,
    state: 'live',
    servedFrom: 'sources',
    at: 1,
  }

  test('reads what instances write, of this version and of those without proposals', () => {
    const records = [record, { ...record, judgesProposals: 1, labels: { zone: 'eu' }, appVersion: '1.4.2' }]
    expect(records.map((each) => readInstance(JSON.stringify(each)))).toEqual(
      records.map((each) => ({ type: 'instance', record: each })),
    )
    expect(readInstance(JSON.stringify({ version: 2 }))).toEqual({ type: 'newer', version: 2 })
  })

  test.each([
    { version: 0 },
    { layers: [{}] },
    { layers: 'all' },
    { labels: { zone: 1 } },
    { labels: [] },
    { verdict: 'maybe' },
    { state: { toString: 1 } },
    { applied: null },
    { host: 'x'.repeat(70_000) },
  ])('%o is unreadable', (more) => {
    expect(readInstance(JSON.stringify({ ...record, ...more }))).toEqual({ type: 'unreadable' })
  })
})

test('OperationsKeys: a proposal is found by its layer alone, also where layers are nested', () => {
  const keys = new OperationsKeys('/.livetree/')
  const key = keys.proposal(LAYER, ID)
  expect(key).toBe(`/.livetree/proposals/config/shop/prod/${ID}`)
  expect(keys.proposalId(LAYER, key)).toBe(ID)
  expect(keys.proposalId('/config/shop', key)).toBeUndefined()
  expect(keys.proposalId(LAYER, `${key}/x`)).toBeUndefined()
  expect(keys.proposalId(LAYER, keys.proposal(LAYER, 'x'))).toBeUndefined()
  expect(keys.verdict(LAYER, ID, { name: 'shop/eu', id: 'pod/1' })).toBe(
    `/.livetree/verdicts/config/shop/prod/${ID}/shop%2Feu/pod%2F1`,
  )
})
