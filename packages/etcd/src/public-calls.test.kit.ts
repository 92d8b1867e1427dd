import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Args,
  SECRET,
  NOT_BYTES,
  NOT_NUMBERS,
  NOT_LEASES,
  NOT_MEMBERS,
  NOT_FLAGS,
  NOT_TEXTS,
  NOT_FUNCTIONS,
  NOT_OBJECTS,
  CONTROL,
  CALL,
  READ,
  RANGE,
  PUT,
  GUARDED,
  NOT_RANGES,
  PAGED,
  NOT_IDS,
  snapshotOptions,
  isNoRange,
} from './hostile-values.test.kit.ts'
import type { Client } from './refusing-channel.test.kit.ts'

/** One public function: arguments that are fine, and for each place what is not. */
export interface PublicCall {
  readonly name: string
  readonly call: (client: Client, args: Args) => unknown
  readonly good: Args
  readonly bad: readonly Args[]
  /** Options in the last place, by name; added to `bad`. */
  readonly options: Record<string, Args>
}

/** The options with each bad value of each name. */
export function withOptions(good: unknown, options: Record<string, Args>): Args {
  return Object.entries(options).flatMap(([name, values]) =>
    values.map((value) => ({ ...(good as object), [name]: value })),
  )
}

function rowsOf(
  names: Record<string, readonly [good: Args, bad: readonly Args[], options?: Record<string, Args>]>,
): PublicCall[] {
  return Object.entries(names).map(([name, [good, bad, options = {}]]) => ({
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
}

const PREFIX = { prefix: 'a' }
const WATCH_OPTIONS: Record<string, Args> = {
  startRevision: [...NOT_NUMBERS, 0],
  afterRevision: NOT_NUMBERS,
  clusterId: NOT_MEMBERS,
  only: ['put', 'delete', '', 5, null],
  prevKv: NOT_FLAGS,
  signal: CONTROL.signal!,
}
/** Every public function of the client's services; `hostile-arguments.test.ts` fails where one is missing. */
export const PUBLIC_CALLS: readonly PublicCall[] = rowsOf({
  'kv.get': [['k', {}], [[...NOT_BYTES, ''], NOT_OBJECTS], READ],
  'kv.getRange': [[PREFIX], [NOT_RANGES], RANGE],
  'kv.count': [[PREFIX], [NOT_RANGES], READ],
  'kv.scan': [
    [PREFIX, () => undefined],
    [NOT_RANGES, [undefined, ...NOT_FUNCTIONS]],
  ],
  'kv.pages': [[PREFIX], [NOT_RANGES], PAGED],
  'kv.iterate': [[PREFIX], [NOT_RANGES], PAGED],
  'kv.put': [['k', 'v', {}], [[...NOT_BYTES, ''], NOT_BYTES, NOT_OBJECTS], PUT],
  'kv.delete': [['k', {}], [[...NOT_BYTES, ''], NOT_OBJECTS], { ...CONTROL, prevKv: NOT_FLAGS }],
  'kv.deleteRange': [[PREFIX], [NOT_RANGES], { ...CONTROL, prevKv: NOT_FLAGS }],
  'kv.compact': [[5, {}], [[...NOT_NUMBERS, undefined], NOT_OBJECTS], { ...CONTROL, physical: NOT_FLAGS }],
  'kv.create': [['k', 'v', {}], [[...NOT_BYTES, ''], NOT_BYTES, NOT_OBJECTS], GUARDED],
  'kv.update': [['k', 'v', {}], [[...NOT_BYTES, ''], NOT_BYTES, NOT_OBJECTS], GUARDED],
  'kv.compareAndSwap': [
    ['k', 'v', { expectedRevision: 5 }],
    [
      [...NOT_BYTES, ''],
      NOT_BYTES,
      [
        ...NOT_OBJECTS,
        undefined,
        {},
        { expectedRevision: undefined },
        { expectedValue: 'a', expectedRevision: 5 },
      ],
    ],
    { ...GUARDED, expectedRevision: NOT_NUMBERS, expectedValue: NOT_BYTES.slice(1) },
  ],
  'kv.putWithTtl': [
    ['k', 'v', { ttlSeconds: 5 }],
    [[...NOT_BYTES, ''], NOT_BYTES, [...NOT_OBJECTS, undefined, {}, { ttlSeconds: undefined }]],
    { ...CONTROL, ttlSeconds: [...NOT_NUMBERS, 0], prevKv: NOT_FLAGS },
  ],
  'kv.append': [['k', 'v', {}], [NOT_BYTES, NOT_BYTES, NOT_OBJECTS], { ...CONTROL, lease: NOT_LEASES }],
  'kv.pop': [['k', {}], [[...NOT_BYTES, ''], NOT_OBJECTS], CONTROL],
  'kv.nextChange': [
    [PREFIX],
    [NOT_RANGES],
    { timeoutMs: CONTROL.timeoutMs!, signal: CONTROL.signal!, afterRevision: NOT_NUMBERS },
  ],
  'watch.subscribe': [
    [PREFIX, { onEvents: () => undefined }, {}],
    [NOT_RANGES, [undefined, null, {}, 5, { onEvents: 5 }], NOT_OBJECTS],
    WATCH_OPTIONS,
  ],
  'watch.watch': [
    [PREFIX, {}],
    [NOT_RANGES, NOT_OBJECTS],
    { ...WATCH_OPTIONS, maxQueuedEvents: [...NOT_NUMBERS, 0], maxQueuedBytes: [...NOT_NUMBERS, 0] },
  ],
  'watch.sync': [
    [PREFIX, { onSnapshot: () => undefined, onEvents: () => undefined }, {}],
    [
      NOT_RANGES,
      [undefined, null, {}, 5, { onSnapshot: () => undefined }, { onEvents: () => undefined }],
      NOT_OBJECTS,
    ],
    { signal: WATCH_OPTIONS.signal! },
  ],
  'watch.reflect': [
    [
      { ranges: [PREFIX] },
      { onPage: () => undefined, onList: () => undefined, onBatch: () => undefined },
      {},
    ],
    [
      [
        ...NOT_OBJECTS,
        undefined,
        {},
        { ranges: [] },
        { ranges: 'all' },
        { ranges: [PREFIX], keys: 'k' },
        { ranges: [PREFIX], key: ['k'] },
        ...NOT_RANGES.flatMap((range) => [
          { ranges: [range] },
          ...(range === undefined ? [] : [{ ranges: [PREFIX], follow: range }]),
        ]),
        ...[...NOT_BYTES, ''].map((each) => ({ ranges: [PREFIX], keys: [each] })),
      ],
      [undefined, null, {}, 5, { onPage: () => undefined, onList: () => undefined }],
      NOT_OBJECTS,
    ],
    {
      signal: WATCH_OPTIONS.signal!,
      pageSize: [...NOT_NUMBERS, 0],
      proofEveryMs: CONTROL.timeoutMs!,
    },
  ],
  'lease.grant': [
    [{ ttlSeconds: 5 }],
    [[...NOT_OBJECTS, undefined, {}, { ttlSeconds: undefined }]],
    { ...CALL, ttlSeconds: [...NOT_NUMBERS, 0], id: [...NOT_LEASES, 0n] },
  ],
  'lease.adopt': [[5n, {}], [NOT_IDS, NOT_OBJECTS], CALL],
  'lease.keepAliveOnce': [[5n, {}], [NOT_IDS, NOT_OBJECTS], CALL],
  'lease.revoke': [[5n, {}], [NOT_IDS, NOT_OBJECTS], CALL],
  'lease.timeToLive': [[5n, {}], [NOT_IDS, NOT_OBJECTS], { ...CALL, keys: NOT_FLAGS }],
  'lease.list': [[{}], [NOT_OBJECTS], CALL],
  'auth.status': [[{}], [NOT_OBJECTS], CALL],
  'auth.enable': [[{}], [NOT_OBJECTS], CALL],
  'auth.disable': [[{}], [NOT_OBJECTS], CALL],
  'auth.users.list': [[{}], [NOT_OBJECTS], CALL],
  'auth.users.roles': [['u', {}], [[...NOT_TEXTS, undefined], NOT_OBJECTS], CALL],
  'auth.users.add': [
    ['u', { password: SECRET }],
    [
      [...NOT_TEXTS, undefined],
      [...NOT_OBJECTS, undefined, {}, { noPassword: false }, { noPassword: true, password: SECRET }],
    ],
    { ...CALL, password: NOT_TEXTS, noPassword: NOT_FLAGS },
  ],
  'auth.users.delete': [['u', {}], [[...NOT_TEXTS, undefined], NOT_OBJECTS], CALL],
  'auth.users.changePassword': [
    ['u', SECRET, {}],
    [[...NOT_TEXTS, undefined], [...NOT_TEXTS, undefined], NOT_OBJECTS],
    CALL,
  ],
  'auth.users.grantRole': [
    ['u', 'r', {}],
    [[...NOT_TEXTS, undefined], [...NOT_TEXTS, undefined], NOT_OBJECTS],
    CALL,
  ],
  'auth.users.revokeRole': [
    ['u', 'r', {}],
    [[...NOT_TEXTS, undefined], [...NOT_TEXTS, undefined], NOT_OBJECTS],
    CALL,
  ],
  'auth.roles.list': [[{}], [NOT_OBJECTS], CALL],
  'auth.roles.permissions': [['r', {}], [[...NOT_TEXTS, undefined], NOT_OBJECTS], CALL],
  'auth.roles.add': [['r', {}], [[...NOT_TEXTS, undefined], NOT_OBJECTS], CALL],
  'auth.roles.delete': [['r', {}], [[...NOT_TEXTS, undefined], NOT_OBJECTS], CALL],
  'auth.roles.grant': [
    ['r', { access: 'read', range: PREFIX }, {}],
    [
      [...NOT_TEXTS, undefined],
      [
        ...NOT_OBJECTS,
        undefined,
        {},
        { access: 'read' },
        { range: PREFIX },
        ...['READ', 'all', 'toString', '', 0, null].map((access) => ({ access, range: PREFIX })),
        ...NOT_RANGES.map((given) => ({ access: 'read', range: given })),
        { access: 'read', range: { from: 'b', to: 'a' } },
        { access: 'read', range: { from: 'a', to: '\0' } },
      ],
      NOT_OBJECTS,
    ],
    CALL,
  ],
  'auth.roles.revoke': [
    ['r', PREFIX, {}],
    [[...NOT_TEXTS, undefined], [...NOT_RANGES.filter(isNoRange), { from: 'a', to: '\0' }], NOT_OBJECTS],
    CALL,
  ],
  'maintenance.status': [[{}], [NOT_OBJECTS], CALL],
  'maintenance.alarms': [[{}], [NOT_OBJECTS], CALL],
  'maintenance.activateAlarm': [
    [{ memberId: 5n, type: 'no_space' }, {}],
    [
      [
        ...NOT_OBJECTS,
        undefined,
        {},
        { memberId: 5n },
        { type: 'corrupt' },
        { memberId: 5n, type: 'nospace' },
      ],
      NOT_OBJECTS,
    ],
    CALL,
  ],
  'maintenance.disarmAlarms': [
    [{}, {}],
    [[...NOT_OBJECTS, { type: 'nospace' }, { typ: 'corrupt' }, { memberId: 5 }], NOT_OBJECTS],
    CALL,
  ],
  'maintenance.defragment': [[{ endpoint: 'http://a:1' }], [[...NOT_OBJECTS, undefined, {}]], CALL],
  'maintenance.hashKv': [[{}], [NOT_OBJECTS], { ...CALL, revision: NOT_NUMBERS }],
  'maintenance.saveSnapshot': [
    [join(tmpdir(), 'livetree-never-written'), {}],
    [[...NOT_TEXTS, undefined], NOT_OBJECTS],
    { ...snapshotOptions() },
  ],
  'maintenance.snapshot': [[{}], [NOT_OBJECTS], snapshotOptions()],
  'maintenance.moveLeader': [[5n, {}], [[...NOT_MEMBERS, undefined], NOT_OBJECTS], CALL],
  'cluster.members': [[{}], [NOT_OBJECTS], { ...CALL, linearizable: NOT_FLAGS }],
  'cluster.addMember': [
    [{ peerUrls: ['http://a:1'] }],
    [[...NOT_OBJECTS, undefined, {}]],
    { ...CALL, peerUrls: [[], 'http://a:1', [5], [''], null], isLearner: NOT_FLAGS },
  ],
  'cluster.updateMember': [
    [5n, { peerUrls: ['http://a:1'] }],
    [
      [...NOT_MEMBERS, undefined],
      [...NOT_OBJECTS, undefined, {}],
    ],
    { ...CALL, peerUrls: [[], 'http://a:1', [5], [''], null] },
  ],
  'cluster.removeMember': [[5n, {}], [[...NOT_MEMBERS, undefined], NOT_OBJECTS], CALL],
  'cluster.promoteMember': [[5n, {}], [[...NOT_MEMBERS, undefined], NOT_OBJECTS], CALL],
})
