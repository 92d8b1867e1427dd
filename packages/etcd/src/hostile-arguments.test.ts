import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type Args,
  SECRET,
  notBytes,
  notNumbers,
  notLeases,
  notMembers,
  notFlags,
  notTexts,
  notFunctions,
  notObjects,
  control,
  call,
  read,
  range,
  put,
  guarded,
  notRanges,
  paged,
  notIds,
  snapshotOptions,
  isNoRange,
} from './hostile-values.test.kit.ts'

import { type Client, errorOf, expectRefused, setUp } from './refusing-channel.test.kit.ts'
/** One public function: arguments that are fine, and for each place what is not. */
interface Row {
  readonly name: string
  readonly call: (client: Client, args: Args) => unknown
  readonly good: Args
  readonly bad: readonly Args[]
  /** Options in the last place, by name; added to `bad`. */
  readonly options: Record<string, Args>
}

const withOptions = (good: unknown, options: Record<string, Args>): Args =>
  Object.entries(options).flatMap(([name, values]) =>
    values.map((value) => ({ ...(good as object), [name]: value })),
  )

const rowsOf = (
  names: Record<string, readonly [good: Args, bad: readonly Args[], options?: Record<string, Args>]>,
): Row[] =>
  Object.entries(names).map(([name, [good, bad, options = {}]]) => ({
    name,
    good,
    bad,
    options,
    call: (client, args) => {
      const path = name.split('.')
      const method = path.pop()!
      const service = path.reduce((at: unknown, step) => Reflect.get(at as object, step), client)
      return Reflect.apply(Reflect.get(service as object, method), service, args)
    },
  }))

const prefix = { prefix: 'a' }
const watchOptions: Record<string, Args> = {
  startRevision: [...notNumbers, 0],
  afterRevision: notNumbers,
  clusterId: notMembers,
  only: ['put', 'delete', '', 5, null],
  prevKv: notFlags,
  signal: control.signal!,
}
const rows: Row[] = rowsOf({
  'kv.get': [['k', {}], [[...notBytes, ''], notObjects], read],
  'kv.getRange': [[prefix], [notRanges], range],
  'kv.count': [[prefix], [notRanges], read],
  'kv.scan': [
    [prefix, () => undefined],
    [notRanges, [undefined, ...notFunctions]],
  ],
  'kv.pages': [[prefix], [notRanges], paged],
  'kv.iterate': [[prefix], [notRanges], paged],
  'kv.put': [['k', 'v', {}], [[...notBytes, ''], notBytes, notObjects], put],
  'kv.delete': [['k', {}], [[...notBytes, ''], notObjects], { ...control, prevKv: notFlags }],
  'kv.deleteRange': [[prefix], [notRanges], { ...control, prevKv: notFlags }],
  'kv.compact': [[5, {}], [[...notNumbers, undefined], notObjects], { ...control, physical: notFlags }],
  'kv.create': [['k', 'v', {}], [[...notBytes, ''], notBytes, notObjects], guarded],
  'kv.update': [['k', 'v', {}], [[...notBytes, ''], notBytes, notObjects], guarded],
  'kv.swap': [
    ['k', 'v', { expectedRevision: 5 }],
    [
      [...notBytes, ''],
      notBytes,
      [
        ...notObjects,
        undefined,
        {},
        { expectedRevision: undefined },
        { expectedValue: 'a', expectedRevision: 5 },
      ],
    ],
    { ...guarded, expectedRevision: notNumbers, expectedValue: notBytes.slice(1) },
  ],
  'kv.putWithTtl': [
    ['k', 'v', { ttlSeconds: 5 }],
    [[...notBytes, ''], notBytes, [...notObjects, undefined, {}, { ttlSeconds: undefined }]],
    { ...control, ttlSeconds: [...notNumbers, 0], prevKv: notFlags },
  ],
  'kv.append': [['k', 'v', {}], [notBytes, notBytes, notObjects], { ...control, lease: notLeases }],
  'kv.pop': [['k', {}], [[...notBytes, ''], notObjects], control],
  'kv.nextChange': [
    [prefix],
    [notRanges],
    { timeoutMs: control.timeoutMs!, signal: control.signal!, afterRevision: notNumbers },
  ],
  'watch.subscribe': [
    [prefix, { onEvents: () => undefined }, {}],
    [notRanges, [undefined, null, {}, 5, { onEvents: 5 }], notObjects],
    watchOptions,
  ],
  'watch.watch': [
    [prefix, {}],
    [notRanges, notObjects],
    { ...watchOptions, maxQueuedEvents: [...notNumbers, 0], maxQueuedBytes: [...notNumbers, 0] },
  ],
  'lease.grant': [
    [{ ttlSeconds: 5 }],
    [[...notObjects, undefined, {}, { ttlSeconds: undefined }]],
    { ...call, ttlSeconds: [...notNumbers, 0], id: [...notLeases, 0n] },
  ],
  'lease.adopt': [[5n, {}], [notIds, notObjects], call],
  'lease.keepAliveOnce': [[5n, {}], [notIds, notObjects], call],
  'lease.revoke': [[5n, {}], [notIds, notObjects], call],
  'lease.timeToLive': [[5n, {}], [notIds, notObjects], { ...call, keys: notFlags }],
  'lease.list': [[{}], [notObjects], call],
  'auth.status': [[{}], [notObjects], call],
  'auth.enable': [[{}], [notObjects], call],
  'auth.disable': [[{}], [notObjects], call],
  'auth.users.list': [[{}], [notObjects], call],
  'auth.users.roles': [['u', {}], [[...notTexts, undefined], notObjects], call],
  'auth.users.add': [
    ['u', { password: SECRET }],
    [
      [...notTexts, undefined],
      [...notObjects, undefined, {}, { noPassword: false }, { noPassword: true, password: SECRET }],
    ],
    { ...call, password: notTexts, noPassword: notFlags },
  ],
  'auth.users.delete': [['u', {}], [[...notTexts, undefined], notObjects], call],
  'auth.users.changePassword': [
    ['u', SECRET, {}],
    [[...notTexts, undefined], [...notTexts, undefined], notObjects],
    call,
  ],
  'auth.users.grantRole': [
    ['u', 'r', {}],
    [[...notTexts, undefined], [...notTexts, undefined], notObjects],
    call,
  ],
  'auth.users.revokeRole': [
    ['u', 'r', {}],
    [[...notTexts, undefined], [...notTexts, undefined], notObjects],
    call,
  ],
  'auth.roles.list': [[{}], [notObjects], call],
  'auth.roles.permissions': [['r', {}], [[...notTexts, undefined], notObjects], call],
  'auth.roles.add': [['r', {}], [[...notTexts, undefined], notObjects], call],
  'auth.roles.delete': [['r', {}], [[...notTexts, undefined], notObjects], call],
  'auth.roles.grant': [
    ['r', { access: 'read', range: prefix }, {}],
    [
      [...notTexts, undefined],
      [
        ...notObjects,
        undefined,
        {},
        { access: 'read' },
        { range: prefix },
        ...['READ', 'all', 'toString', '', 0, null].map((access) => ({ access, range: prefix })),
        ...notRanges.map((given) => ({ access: 'read', range: given })),
        { access: 'read', range: { from: 'b', to: 'a' } },
        { access: 'read', range: { from: 'a', to: '\0' } },
      ],
      notObjects,
    ],
    call,
  ],
  'auth.roles.revoke': [
    ['r', prefix, {}],
    [[...notTexts, undefined], [...notRanges.filter(isNoRange), { from: 'a', to: '\0' }], notObjects],
    call,
  ],
  'maintenance.status': [[{}], [notObjects], call],
  'maintenance.alarms': [[{}], [notObjects], call],
  'maintenance.activateAlarm': [
    [{ memberId: 5n, type: 'no_space' }, {}],
    [
      [
        ...notObjects,
        undefined,
        {},
        { memberId: 5n },
        { type: 'corrupt' },
        { memberId: 5n, type: 'nospace' },
      ],
      notObjects,
    ],
    call,
  ],
  'maintenance.disarmAlarms': [
    [{}, {}],
    [[...notObjects, { type: 'nospace' }, { typ: 'corrupt' }, { memberId: 5 }], notObjects],
    call,
  ],
  'maintenance.defragment': [[{ endpoint: 'http://a:1' }], [[...notObjects, undefined, {}]], call],
  'maintenance.hashKv': [[{}], [notObjects], { ...call, revision: notNumbers }],
  'maintenance.saveSnapshot': [
    [join(tmpdir(), 'livetree-never-written'), {}],
    [[...notTexts, undefined], notObjects],
    { ...snapshotOptions() },
  ],
  'maintenance.snapshot': [[{}], [notObjects], snapshotOptions()],
  'maintenance.moveLeader': [[5n, {}], [[...notMembers, undefined], notObjects], call],
  'cluster.members': [[{}], [notObjects], { ...call, linearizable: notFlags }],
  'cluster.addMember': [
    [{ peerUrls: ['http://a:1'] }],
    [[...notObjects, undefined, {}]],
    { ...call, peerUrls: [[], 'http://a:1', [5], [''], null], isLearner: notFlags },
  ],
  'cluster.updateMember': [
    [5n, { peerUrls: ['http://a:1'] }],
    [
      [...notMembers, undefined],
      [...notObjects, undefined, {}],
    ],
    { ...call, peerUrls: [[], 'http://a:1', [5], [''], null] },
  ],
  'cluster.removeMember': [[5n, {}], [[...notMembers, undefined], notObjects], call],
  'cluster.promoteMember': [[5n, {}], [[...notMembers, undefined], notObjects], call],
})

describe('every public function, given what cannot be used', () => {
  test.each(rows)('$name', async ({ call, good, bad, options }) => {
    const { client, sent } = setUp()
    const places = bad.map((values, place) => ({ place, values }))
    const last = good.length - 1
    if (Object.keys(options).length > 0)
      places.push({ place: last, values: withOptions(good[last], options) })
    for (const { place, values } of places) {
      for (const value of values) {
        const args = good.with(place, value)
        expectRefused(await errorOf(() => call(client, args)), { place, value })
      }
    }
    expect(sent()).toBe(0)
  })

  // A watch goes on where a stream is refused; `next-change.test.ts` and the tests of watches have what is fine.
  const answering = rows.filter(({ name }) => name !== 'kv.nextChange' && !name.startsWith('watch.'))
  test.each(answering)('$name takes what is fine', async ({ call, good }) => {
    const { client, sent } = setUp()
    const error = await errorOf(async () => {
      const given = await call(client, good)
      if (Symbol.asyncIterator in (given as object)) {
        for await (const _ of given as AsyncIterable<unknown>) expect.fail('nothing was answered')
      }
    })
    expect(error).toMatchObject({ name: 'EtcdError', code: 'permission_denied' })
    expect(sent()).toBeGreaterThan(0)
  })
})
