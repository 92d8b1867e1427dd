import { createTestClock, type PatchUpdate, type ReplaceUpdate, silentLogger } from '@livetree/core'
import {
  type EtcdClient,
  EtcdError,
  type ListedPage,
  type ReflectedRanges,
  type ReflectorHandlers,
  type ReflectorOptions,
} from '@livetree/etcd'
import { expect, test } from 'vitest'
import { WatchEvent } from '../../../etcd/src/watch/watch-handlers.ts'
import { EtcdConnection } from './connection.ts'
import { Overlays } from './overlays.ts'

const header = { clusterId: 7n, memberId: 1n, revision: 5, raftTerm: 2 }

function kvOf(key: string, value: string, modRevision: number) {
  const text = { key: Buffer.from(key), value: Buffer.from(value) }
  return { ...text, modRevision, createRevision: modRevision, version: 1, lease: 0n }
}

/** A page of a range or of a key, as a reflector hands it over. */
function pageOf(
  entries: readonly { key: string; value: string; modRevision: number }[],
  skip = 0,
): ListedPage {
  return {
    length: entries.length,
    texts: () => ({
      header,
      revision: 5,
      keys: entries.map(({ key }) => key.slice(skip)),
      values: entries.map(({ value }) => value),
      modRevisions: entries.map(({ modRevision }) => modRevision),
      notText: [],
    }),
    entries: () => entries.map(({ key, value, modRevision }) => kvOf(key, value, modRevision)),
  }
}

function open(staleAfterMs?: number) {
  let handlers: ReflectorHandlers | undefined
  let ranges: ReflectedRanges | undefined
  let options: ReflectorOptions | undefined
  const replaces: ReplaceUpdate[] = []
  const patches: PatchUpdate[] = []
  const lost: { error: Error; isFinal: boolean }[] = []
  const client = {
    watch: {
      reflect: (given: ReflectedRanges, on: ReflectorHandlers, how: ReflectorOptions) => {
        ranges = given
        handlers = on
        options = how
        return { revision: 5, epoch: 0, refresh: async () => undefined, cancel: () => undefined }
      },
    },
  } as unknown as EtcdClient
  const connection = new EtcdConnection({
    client,
    isOwned: false,
    tree: { root: '/x', overlays: ['base'], name: 'etcd', pageSize: undefined },
    overlays: new Overlays('/x', ['base']),
    context: {
      clock: createTestClock(),
      logger: silentLogger,
      ...(staleAfterMs === undefined ? {} : { staleAfterMs }),
      sink: {
        prepare: () => {},
        replace: (update) => replaces.push(update),
        patch: (update) => patches.push(update),
        alive: () => {},
        lost: (reason) => lost.push(reason),
      },
    },
  })
  const list = (allowedAt = 0, knownRevision = 0) => {
    handlers!.onListing!()
    handlers!.onPage(0, pageOf([{ key: '/x/base/a', value: '1', modRevision: 2 }], '/x/base/'.length))
    handlers!.onPage(1, pageOf([]))
    const allowed = { key: '/x/.livetree/allow-removal', value: 'yes', modRevision: allowedAt }
    handlers!.onPage(2, pageOf(allowedAt > 0 ? [allowed] : []))
    const isResync = knownRevision > 0
    handlers!.onList({ revision: 5, epoch: 0, isResync, knownRevision, header, provenAt: 1 })
  }
  return {
    connection,
    handlers: handlers!,
    ranges: ranges!,
    options: options!,
    replaces,
    patches,
    lost,
    list,
  }
}

test('EtcdConnection: reads each layer, its document and the permission at one revision, and follows the root', () => {
  const { ranges, replaces, list } = open()
  expect(ranges).toEqual({
    ranges: [{ prefix: '/x/base/' }],
    keys: ['/x/base', '/x/.livetree/allow-removal'],
    follow: { prefix: '/x/' },
  })
  list()
  expect(replaces).toEqual([
    {
      revision: 5,
      epoch: 0,
      layers: [[{ path: 'a', value: '1', revision: 2 }]],
      provenAt: 1,
      resync: false,
      allowRemoval: false,
    },
  ])
})

test('EtcdConnection: a list allows a removal only by a permission that came after what was known', () => {
  const { replaces, list } = open()
  list(3)
  list(3, 4)
  list(5, 4)
  expect(replaces.map(({ allowRemoval }) => allowRemoval)).toEqual([false, false, true])
})

test('EtcdConnection: a permission is passed on by itself, what concerns no layer is not', () => {
  const { patches, handlers, list } = open()
  list()
  const put = (key: string) => new WatchEvent('put', kvOf(key, 'yes', 6), undefined)
  handlers.onBatch({ revision: 6, events: [put('/x/other/a')], header })
  handlers.onBatch({ revision: 7, events: [put('/x/.livetree/allow-removal')], header })
  expect(patches).toEqual([{ revision: 7, changes: [], allowRemoval: true }])
})

test('EtcdConnection: who may not read is told which range, and the command that grants it', () => {
  const { lost, handlers } = open()
  handlers.onLost!(new EtcdError('permission_denied', { call: 'KV/Txn' }), true)
  expect(lost[0]!.isFinal).toBe(true)
  expect(lost[0]!.error.message).toMatch(/keys that begin with \/x\//)
  expect(lost[0]!.error.message).toContain("etcdctl role grant-permission <role> --prefix=true read '/x/'")
})

test.each([
  [undefined, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [30_000, 10_000],
  [300, 100],
  [1, 50],
])('EtcdConnection: with staleAfterMs %s it asks for proof every %s ms', (staleAfterMs, expected) => {
  expect(open(staleAfterMs).options.proofEveryMs).toBe(expected)
})
