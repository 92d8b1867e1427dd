import { createTestClock } from '@livetree/core/testing'
import { type PatchUpdate, type ReplaceUpdate, silentLogger } from '@livetree/core/source'
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

/** A removal was allowed at `allowedAt`, with everything up to `knownRevision` known. */
interface ListedAs {
  readonly allowedAt?: number
  readonly knownRevision?: number
  /** Revisions that are compacted. */
  readonly compacted?: readonly number[]
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
  const list = async ({ allowedAt = 0, knownRevision = 0, compacted = [] }: ListedAs = {}) => {
    const pages = (revision: number, onPage: ReflectorHandlers['onPage']) => {
      onPage(0, pageOf([{ key: '/x/base/a', value: `at ${revision}`, modRevision: 2 }], '/x/base/'.length))
      onPage(1, pageOf([]))
      const allowed = { key: '/x/.livetree/allow-removal', value: 'yes', modRevision: allowedAt }
      onPage(2, pageOf(allowedAt > 0 ? [allowed] : []))
    }
    handlers!.onListing!()
    pages(9, (index, page) => handlers!.onPage(index, page))
    const given = {
      revision: 9,
      epoch: 0,
      isResync: knownRevision > 0,
      knownRevision,
      header,
      provenAt: 1,
      readPast: async (revision: number, onPage: ReflectorHandlers['onPage']) => {
        if (compacted.includes(revision)) return false
        pages(revision, onPage)
        return true
      },
    }
    await handlers!.onWhole!(given)
    handlers!.onList(given)
    return replaces
      .splice(0)
      .map(({ revision, allowRemoval, layers }) => [revision, allowRemoval, layers[0]![0]!.value])
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

test('EtcdConnection: reads each layer, its document and the permission at one revision, and follows the root', async () => {
  const { ranges, list } = open()
  expect(ranges).toEqual({
    ranges: [{ prefix: '/x/base/' }],
    keys: ['/x/base', '/x/.livetree/allow-removal'],
    follow: { prefix: '/x/' },
  })
  expect(await list()).toEqual([[9, false, 'at 9']])
})

test('EtcdConnection: a permission covers what was gone by then, told as the trees from before and from then', async () => {
  const { list } = open()
  expect(await list({ allowedAt: 3 })).toEqual([[9, false, 'at 9']])
  expect(await list({ allowedAt: 3, knownRevision: 4 })).toEqual([[9, false, 'at 9']])
  expect(await list({ allowedAt: 7, knownRevision: 4 })).toEqual([
    [6, false, 'at 6'],
    [7, true, 'at 7'],
    [9, false, 'at 9'],
  ])
  expect(await list({ allowedAt: 5, knownRevision: 4 })).toEqual([
    [5, true, 'at 5'],
    [9, false, 'at 9'],
  ])
  expect(await list({ allowedAt: 9, knownRevision: 4 })).toEqual([
    [8, false, 'at 8'],
    [9, true, 'at 9'],
  ])
  expect(await list({ allowedAt: 7, knownRevision: 4, compacted: [6, 7] })).toEqual([[9, false, 'at 9']])
})

test('EtcdConnection: a permission is passed on by itself, what concerns no layer is not', async () => {
  const { patches, handlers, list } = open()
  await list()
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
  [2 ** 40, 3_600_000],
])('EtcdConnection: with staleAfterMs %s it asks for proof every %s ms', (staleAfterMs, expected) => {
  expect(open(staleAfterMs).options.proofEveryMs).toBe(expected)
})
