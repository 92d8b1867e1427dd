import { createTestClock } from '@livetree/core/testing'
import {
  type Leaf,
  type PatchUpdate,
  type ReplaceUpdate,
  silentLogger,
  type SourceContext,
} from '@livetree/core/source'
import {
  type EtcdClient,
  EtcdError,
  type ListedPage,
  type ReflectedList,
  type ReflectedRanges,
  type ReflectorHandlers,
  type ReflectorOptions,
} from '@livetree/etcd'
import { describe, expect, test } from 'vitest'
// biome-ignore lint/style/noRestrictedImports: applications only receive events; the test makes them.
import { WatchEvent } from '../../../etcd/src/watch/watch-handlers.ts'
import { EtcdConnection } from './connection.ts'
import { TreeLayers } from './tree-layers.ts'
import { planOfDirectories, planOfRoot, type TreePlan } from './tree-plan.ts'

type EarlierPlace = NonNullable<Awaited<NonNullable<SourceContext['earlier']>>>

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

/** A store whose revisions up to 9 each wrote one leaf. */
interface ListedAs {
  /** Revisions that put the permission too. */
  readonly allowedAt?: readonly number[]
  /** The permission is not in the newest tree any more. */
  readonly isTidied?: boolean
  /** The tree that the source has handed over before. */
  readonly knownRevision?: number
  readonly compactedAt?: number
  /** The store is compacted while its history is read for the first time. */
  readonly compactsMeanwhileAt?: number
  readonly revision?: number
}

function open(
  staleAfterMs?: number,
  earlier?: EarlierPlace,
  {
    plan = planOfRoot('/x', ['base']),
    logger = silentLogger,
    namespace = '',
    denial = new Error('none'),
  } = {},
) {
  let handlers: ReflectorHandlers | undefined
  let ranges: ReflectedRanges | undefined
  let options: ReflectorOptions | undefined
  const notified: (ReplaceUpdate | PatchUpdate)[] = []
  const lost: { error: Error; isFinal: boolean }[] = []
  const client = {
    watch: {
      reflect: (given: ReflectedRanges, on: ReflectorHandlers, how: ReflectorOptions) => {
        ranges = given
        handlers = on
        options = how
        return { revision: 5, epoch: 0, refresh: () => Promise.reject(denial), cancel: () => undefined }
      },
    },
  } as unknown as EtcdClient
  const connection = new EtcdConnection({
    client,
    release: async () => {},
    name: 'etcd',
    tree: new TreeLayers(plan, namespace),
    pageSize: undefined,
    context: {
      clock: createTestClock(),
      logger,
      ...(staleAfterMs === undefined ? {} : { staleAfterMs }),
      earlier: Promise.resolve(earlier),
      sink: {
        beginReplace() {
          const leaves: Leaf[] = []
          return {
            add: (_layer, more) => void leaves.push(...more),
            commit: (update) => void notified.push({ ...update, layers: [leaves] }),
            abandon() {},
          }
        },
        replace: (update) => notified.push(update),
        patch: (update) => notified.push(update),
        alive: () => {},
        lost: (reason) => lost.push(reason),
      },
    },
  })
  const list = async (given: ListedAs = {}) => {
    const { allowedAt = [], isTidied = false, knownRevision = 0, revision: newest = 9 } = given
    let { compactedAt = 0 } = given
    const permission = (modRevision: number) => ({
      key: '/x/.livetree/allow-removal',
      value: 'yes',
      modRevision,
    })
    const leaf = (at: number) => ({ key: '/x/base/a', value: `at ${at}`, modRevision: at })
    const pages = (revision: number, onPage: ReflectorHandlers['onPage']) => {
      onPage(0, pageOf([leaf(revision)], '/x/base/'.length))
      onPage(1, pageOf([]))
      const at = isTidied && revision === newest ? undefined : allowedAt.findLast((each) => each <= revision)
      onPage(2, pageOf(at === undefined ? [] : [permission(at)]))
    }
    handlers!.onListing!()
    pages(newest, (index, page) => handlers!.onPage(index, page))
    const listed: ReflectedList = {
      revision: newest,
      epoch: 0,
      isResync: knownRevision > 0,
      knownRevision,
      header,
      provenAt: 1,
      readPast: async (revision, onPage) => {
        if (revision < compactedAt) return false
        pages(revision, onPage)
        return true
      },
      readHistory: async (after, onBatch) => {
        if (after + 1 < compactedAt) return compactedAt
        for (let revision = after + 1; revision <= newest; revision++) {
          const written = [leaf(revision), ...(allowedAt.includes(revision) ? [permission(revision)] : [])]
          const events = written.map(
            (each) => new WatchEvent('put', kvOf(each.key, each.value, revision), undefined),
          )
          onBatch({ revision, header, events })
        }
        compactedAt = given.compactsMeanwhileAt ?? compactedAt
        return undefined
      },
    }
    await handlers!.onWhole!(listed)
    handlers!.onList(listed)
    const word = (is: boolean | undefined, text: string) => (is === true ? [text] : [])
    return notified.splice(0).map((update) => {
      const { value } = 'changes' in update ? update.changes[0]!.leaf : update.layers[0]![0]!
      const isTree = 'layers' in update
      const words = [...word(isTree, 'tree'), ...word(isTree && update.isKnown, 'known')]
      return [...words, value, ...word(update.allowRemoval === true, 'allowed')].join(' ')
    })
  }
  return {
    connection,
    handlers: handlers!,
    ranges: ranges!,
    options: options!,
    notified,
    lost,
    list,
  }
}

test('EtcdConnection: reads each layer, its document and the permission at one revision, and follows the root', async () => {
  const { ranges, list } = open()
  expect(ranges).toEqual({
    ranges: [{ prefix: '/x/base/' }],
    keys: ['/x/base', '/x/.livetree/allow-removal'],
    follow: [{ prefix: '/x/' }],
  })
  expect(await list()).toEqual(['tree at 9'])
})

test.each<[string, ListedAs, readonly string[]]>([
  ['a first list', { allowedAt: [3] }, ['tree at 9']],
  ['nothing since', { knownRevision: 9, allowedAt: [9] }, ['tree at 9']],
  [
    'a permission before',
    { knownRevision: 7, allowedAt: [5] },
    ['tree known at 7', 'at 8', 'at 9', 'tree at 9'],
  ],
  [
    'a permission in the known tree itself',
    { knownRevision: 7, allowedAt: [7] },
    ['tree known at 7', 'at 8', 'at 9', 'tree at 9'],
  ],
  [
    'permissions since',
    { knownRevision: 6, allowedAt: [7, 8] },
    ['tree known at 6', 'at 7 allowed', 'at 8 allowed', 'at 9', 'tree at 9'],
  ],
  [
    'one in the newest',
    { knownRevision: 8, allowedAt: [9] },
    ['tree known at 8', 'at 9 allowed', 'tree at 9'],
  ],
  [
    'one that was deleted',
    { knownRevision: 7, allowedAt: [8], isTidied: true },
    ['tree known at 7', 'at 8 allowed', 'at 9', 'tree at 9'],
  ],
  [
    'a compaction before',
    { knownRevision: 7, compactedAt: 7 },
    ['tree known at 7', 'at 8', 'at 9', 'tree at 9'],
  ],
  [
    'a compaction since',
    { knownRevision: 5, compactedAt: 7, allowedAt: [6] },
    ['tree at 7', 'at 8', 'at 9', 'tree at 9'],
  ],
  [
    'a compaction at a permission',
    { knownRevision: 5, compactedAt: 7, allowedAt: [7] },
    ['tree at 7 allowed', 'at 8', 'at 9', 'tree at 9'],
  ],
  [
    'a compaction while it reads',
    { knownRevision: 5, compactsMeanwhileAt: 8, allowedAt: [6, 9] },
    ['tree at 8', 'at 9 allowed', 'tree at 9'],
  ],
  ['all compacted', { knownRevision: 5, compactedAt: 9, allowedAt: [8] }, ['tree at 9']],
  [
    'all compacted but a permission',
    { knownRevision: 5, compactedAt: 9, allowedAt: [9] },
    ['tree at 9 allowed'],
  ],
])('EtcdConnection: tells what happened since the known tree: %s', async (_name, given, expected) => {
  expect(await open().list(given)).toEqual(expected)
})

test.each<[string, readonly number[], readonly string[]]>([
  ['before', [3], ['tree at 200000']],
  ['in the known tree', [4], ['tree at 200000']],
  ['since', [3, 150_000], ['tree at 149999', 'tree at 150000 allowed', 'tree at 200000']],
  ['right after', [5], ['tree at 5 allowed', 'tree at 200000']],
])(
  'EtcdConnection: of a long history only the last permission is read: %s',
  async (_name, allowedAt, expected) => {
    expect(await open().list({ knownRevision: 4, revision: 200_000, allowedAt })).toEqual(expected)
  },
)

test.each<[string, Partial<EarlierPlace>, number]>([
  ['the place of a snapshot', {}, 4],
  ['another store', { store: 'another' }, 1],
  ['no name of a store', { store: undefined }, 1],
  ['the very same leaves', { isSameAs: () => true }, 1],
  ['a revision to come', { revision: 10 }, 1],
  ['a store that held another tree', { isAccepted: () => false }, 1],
])('EtcdConnection: reads on from %s', async (_name, place, count) => {
  const { list } = open(undefined, {
    revision: 7,
    store: '7',
    isSameAs: () => false,
    acceptedAt: 7,
    isAccepted: () => true,
    ...place,
  })
  expect(await list()).toHaveLength(count)
})

test('EtcdConnection: a permission is passed on by itself, what concerns no layer is not', async () => {
  const { notified, handlers, list } = open()
  await list()
  const put = (key: string) => new WatchEvent('put', kvOf(key, 'yes', 6), undefined)
  handlers.onBatch({ revision: 6, events: [put('/x/other/a')], header })
  handlers.onBatch({ revision: 7, events: [put('/x/.livetree/allow-removal')], header })
  expect(notified).toEqual([{ revision: 7, changes: [], allowRemoval: true }])
})

test('EtcdConnection: permission_denied names the range and the command that grants it', () => {
  const { lost, handlers } = open()
  handlers.onLost!(new EtcdError('permission_denied', { call: 'KV/Txn', range: { prefix: '/x/' } }), true)
  expect(lost[0]!.isFinal).toBe(true)
  expect(lost[0]!.error.message).toMatch(/keys that begin with \/x\//)
  expect(lost[0]!.error.message).toContain("etcdctl role grant-permission <role> --prefix=true read '/x/'")
})

test('EtcdConnection: a client that was closed is told at once and for good, a close of its own is not', async () => {
  const closed = new EtcdError('closed', { call: 'Watch/Watch' })
  const { lost, handlers } = open()
  handlers.onEnd!(closed)
  expect(lost).toEqual([{ error: closed, isFinal: true }])
  const own = open()
  await own.connection.close()
  own.handlers.onEnd!(undefined)
  expect(own.lost).toEqual([])
})

const denied = { call: 'KV/Range' }
test.each<[string, ConstructorParameters<typeof EtcdError>[1], readonly string[]]>([
  ['the one that is denied', { ...denied, range: { prefix: '/b/' } }, ['/ns/b/']],
  ['all of them, where none is', denied, ['/ns/a/', '/ns/b/']],
])(
  'EtcdConnection: refresh names %s as etcd has it, and the command for each',
  async (_name, details, prefixes) => {
    const layer = { at: [], unused: 'warn', isOptional: false } as const
    const plan = planOfDirectories([
      { ...layer, prefix: '/a' },
      { ...layer, prefix: '/b' },
    ])
    const denial = new EtcdError('permission_denied', details)
    const { connection, lost, handlers } = open(undefined, undefined, { plan, namespace: '/ns', denial })
    const commands = prefixes.map(
      (prefix) => `etcdctl role grant-permission <role> --prefix=true read '${prefix}'`,
    )
    const refused = connection.refresh(new AbortController().signal)
    await expect(refused).rejects.toMatchObject({
      code: 'permission_denied',
      range: denial.range,
      message: expect.stringContaining(`keys that begin with ${prefixes.join(' or ')}, which`),
      remedy: expect.stringMatching(new RegExp(`: ${commands.join(' && ')}$`)),
    })
    handlers.onLost!(denial, true)
    await expect(refused).rejects.toThrow(lost[0]!.error.message)
  },
)

test('EtcdConnection: refresh passes every other error on', async () => {
  for (const denial of [new EtcdError('unavailable'), new Error('x')]) {
    const { connection } = open(undefined, undefined, { denial })
    await expect(connection.refresh(new AbortController().signal)).rejects.toBe(denial)
  }
})

test.each([
  [undefined, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [30_000, 10_000],
  [500, 166],
  [2 ** 40, 3_600_000],
])('EtcdConnection: with staleAfterMs %s it asks for proof every %s ms', (staleAfterMs, expected) => {
  expect(open(staleAfterMs).options.proofEveryMs).toBe(expected)
})

describe('a tree that holds nothing is warned of, when it is listed first', () => {
  const listed = (plan: TreePlan, isResync = false, namespace = '') => {
    const warned: string[] = []
    const logger = { ...silentLogger, warn: (text: string) => void warned.push(text) }
    const { handlers } = open(undefined, undefined, { plan, logger, namespace })
    const list = { revision: 9, epoch: 0, isResync, knownRevision: 0, header, provenAt: 1 }
    return {
      warned,
      async list(pages: readonly ListedPage[] = []) {
        handlers.onListing!()
        for (const [index, page] of pages.entries()) handlers.onPage(index, page)
        await handlers.onWhole!(list as ReflectedList)
        handlers.onList(list as ReflectedList)
        return warned
      },
    }
  }
  const leaf = { key: '/x/base/a', value: '1', modRevision: 1 }

  test('of a root with overlays, where none of them holds a key', async () => {
    const plan = planOfRoot('/x', ['base', 'prod'])
    expect(await listed(plan).list()).toEqual([
      'The source etcd reads the keys below /x/, and none of its overlays holds a key. Check how it is spelt',
    ])
    const page = pageOf([leaf], '/x/base/'.length)
    expect(await listed(plan).list([page])).toEqual([])
  })

  test('with the directory as etcd has it, under a namespace', async () => {
    const [warned] = await listed(planOfRoot('/x', []), false, '/ns').list()
    expect(warned).toMatch(/the keys below \/ns\/x\/, .* stands at \/ns\/x\/, /)
  })

  test('of a root without overlays, with the key of its document', async () => {
    const plan = planOfRoot('/x', [])
    expect(await listed(plan).list()).toEqual([
      'The source etcd reads the keys below /x/, and there is no key (a document of all of it stands at /x/, with the slash). Check how it is spelt',
    ])
    expect(await listed(plan).list([pageOf([leaf], '/x/'.length)])).toEqual([])
  })

  test("where there are only livetree's own keys, and not when it is listed again", async () => {
    const plan = planOfRoot('/x', [])
    const own = { key: '/x/.livetree/allow-removal', value: 'yes', modRevision: 1 }
    expect(await listed(plan).list([pageOf([own], '/x/'.length)])).toHaveLength(1)
    expect(await listed(plan, true).list()).toEqual([])
  })
})
