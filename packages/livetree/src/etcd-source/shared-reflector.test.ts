import type {
  EtcdClient,
  EtcdError,
  ReflectedList,
  Reflector,
  ReflectorHandlers,
  WatchBatch,
} from '@livetree/etcd'
import { silentLogger } from '@livetree/core/source'
import { describe, expect, test } from 'vitest'
import { followShared } from './shared-reflector.ts'

/** A reflector that is played by hand. */
class Played implements Reflector {
  revision = 0
  epoch = 0
  isCancelled = false
  readonly handlers: ReflectorHandlers
  onRefresh: () => Promise<void> = async () => {}

  constructor(handlers: ReflectorHandlers) {
    this.handlers = handlers
  }

  refresh(): Promise<void> {
    return this.onRefresh()
  }

  cancel(): void {
    if (this.isCancelled) return
    this.isCancelled = true
    this.handlers.onEnd?.(undefined)
  }

  async list(revision: number, more: Partial<ReflectedList> = {}): Promise<void> {
    const list = {
      revision,
      epoch: this.epoch,
      isResync: this.revision > 0,
      knownRevision: this.revision,
      ...more,
    }
    this.handlers.onListing?.()
    this.handlers.onPage(0, {} as never)
    await this.handlers.onWhole?.(list as ReflectedList)
    this.revision = revision
    this.epoch = list.epoch
    this.handlers.onList(list as ReflectedList)
    if (!this.isCancelled) this.handlers.onContact?.()
  }

  change(revision: number): void {
    this.revision = revision
    this.handlers.onBatch({ revision, events: [] } as unknown as WatchBatch)
  }
}

function play() {
  const played: Played[] = []
  const client = {
    watch: {
      reflect: (_: unknown, handlers: ReflectorHandlers) => {
        const reflector = new Played(handlers)
        played.push(reflector)
        return reflector
      },
    },
  } as unknown as EtcdClient
  const follow = (prefix = '/a/') => {
    const notified: string[] = []
    const handlers: ReflectorHandlers = {
      onListing: () => notified.push('listing'),
      onPage: () => {},
      onWhole: async ({ knownRevision }) => void notified.push(`whole since ${knownRevision}`),
      onList: ({ revision, epoch }) => notified.push(`list ${revision} epoch ${epoch}`),
      onBatch: ({ revision }) => notified.push(`${revision}`),
      onProgress: ({ revision }) => notified.push(`progress ${revision}`),
      onContact: () => notified.push('contact'),
      onLost: () => notified.push('lost'),
      onEnd: () => notified.push('end'),
    }
    const following = { ranges: { ranges: [{ prefix }] }, handlers, options: {}, logger: silentLogger }
    return { notified, handlers, reflector: followShared(client, following) }
  }
  const at = (index: number) => {
    const reflector = played[index]
    if (reflector === undefined) throw new Error(`there are ${played.length} reflectors`)
    return reflector
  }
  return { played, follow, at }
}

const LISTED = (revision: number) => ['listing', 'whole since 0', `list ${revision} epoch 0`]

test('a latecomer lists for itself, joins at once, and gets each later change once', async () => {
  const { played, follow, at } = play()
  const first = follow()
  await at(0).list(5)
  at(0).change(7)
  const second = follow()
  await at(1).list(8)
  expect(at(1).isCancelled).toBe(true)
  at(0).change(8)
  at(0).change(9)
  expect(first.notified).toEqual([...LISTED(5), 'contact', '7', '8', '9'])
  // 8 was in the list already
  expect(second.notified).toEqual([...LISTED(8), 'contact', '9'])
  expect([second.reflector.revision, second.reflector.epoch]).toEqual([9, 0])
  expect(played).toHaveLength(2)
})

test('other ranges are not shared', async () => {
  const { follow, at } = play()
  follow()
  await at(0).list(5)
  follow('/b/')
  await at(1).list(5)
  expect(at(1).isCancelled).toBe(false)
})

test('one that is behind joins only when it has all that the other has delivered', async () => {
  const { follow, at } = play()
  follow()
  await at(0).list(5)
  const second = follow()
  at(0).change(6)
  at(0).change(7)
  await at(1).list(5)
  expect(at(1).isCancelled).toBe(false)
  at(1).change(6)
  expect(at(1).isCancelled).toBe(false)
  at(0).change(8)
  at(1).change(7)
  at(1).change(8)
  expect(at(1).isCancelled).toBe(true)
  at(0).change(9)
  expect(second.notified).toEqual([...LISTED(5), 'contact', '6', '7', '8', 'contact', '9'])
})

test('it does not join while the other has lost contact, or lists again', async () => {
  const { follow, at } = play()
  const first = follow()
  await at(0).list(5)
  at(0).handlers.onLost?.(undefined as unknown as EtcdError, false)
  const second = follow()
  await at(1).list(6)
  expect(at(1).isCancelled).toBe(false)
  at(0).handlers.onContact?.()
  at(0).handlers.onListing?.()
  at(1).handlers.onProgress?.({ revision: 6, at: 1, isExact: true })
  expect(at(1).isCancelled).toBe(false)
  await at(0).list(6)
  at(1).handlers.onProgress?.({ revision: 6, at: 1, isExact: true })
  expect(at(1).isCancelled).toBe(true)
  expect(first.notified.filter((what) => what === 'lost')).toHaveLength(1)
  expect(second.notified).not.toContain('lost')
})

test('a list of the other comes to all, with the epochs and the revisions of each', async () => {
  const { follow, at } = play()
  const first = follow()
  await at(0).list(5)
  await at(0).list(3, { epoch: 1, knownRevision: 0 })
  const second = follow()
  await at(1).list(4)
  expect(second.reflector.epoch).toBe(0)
  await at(0).list(9)
  expect(first.notified.slice(-4)).toEqual(['listing', 'whole since 3', 'list 9 epoch 1', 'contact'])
  expect(second.notified.slice(-4)).toEqual(['listing', 'whole since 4', 'list 9 epoch 0', 'contact'])
  // another store, whose revisions are lower
  await at(0).list(2, { epoch: 2, knownRevision: 0 })
  at(0).change(3)
  expect(second.notified.slice(-4)).toEqual(['whole since 0', 'list 2 epoch 1', 'contact', '3'])
})

test('progress counts for a member from what it has on', async () => {
  const { follow, at } = play()
  follow()
  await at(0).list(5)
  const second = follow()
  await at(1).list(9)
  at(0).handlers.onProgress?.({ revision: 7, at: 1, isExact: true })
  at(0).handlers.onProgress?.({ revision: 9, at: 1, isExact: true })
  expect(second.notified.slice(-1)).toEqual(['progress 9'])
  expect(second.notified.filter((what) => what.startsWith('progress'))).toHaveLength(1)
})

test('the first may leave; the last one ends the reflector, and who comes then begins anew', async () => {
  const { played, follow, at } = play()
  const first = follow()
  await at(0).list(5)
  const second = follow()
  await at(1).list(5)
  first.reflector.cancel()
  first.reflector.cancel()
  at(0).change(6)
  expect(first.notified.slice(-2)).toEqual(['contact', 'end'])
  expect(second.notified.at(-1)).toBe('6')
  second.reflector.cancel()
  expect(at(0).isCancelled).toBe(true)
  expect(second.notified.filter((what) => what === 'end')).toHaveLength(1)
  follow()
  expect(played).toHaveLength(3)
  await at(2).list(5)
  expect(at(2).isCancelled).toBe(false)
})

test('the end of the client ends all members once', async () => {
  const { follow, at } = play()
  const members = [follow()]
  await at(0).list(5)
  members.push(follow())
  await at(1).list(5)
  at(0).cancel()
  for (const { notified } of members) expect(notified.filter((what) => what === 'end')).toHaveLength(1)
})

test('a handler that throws hurts no other member', async () => {
  const { follow, at } = play()
  const first = follow()
  await at(0).list(5)
  const second = follow()
  await at(1).list(5)
  Object.assign(first.handlers, {
    onBatch: () => {
      throw new Error('broken')
    },
  })
  at(0).change(6)
  expect(second.notified.at(-1)).toBe('6')
})

test('a member that is cancelled by another, while both are notified, is not notified any more', async () => {
  const { follow, at } = play()
  const first = follow()
  await at(0).list(5)
  const second = follow()
  await at(1).list(5)
  Object.assign(first.handlers, { onBatch: () => second.reflector.cancel() })
  at(0).change(6)
  expect(second.notified.slice(-2)).toEqual(['contact', 'end'])
})

test('a refresh that is under way while it joins goes on with the other', async () => {
  const { follow, at } = play()
  follow()
  await at(0).list(5)
  const second = follow()
  const gone = Promise.withResolvers<void>()
  at(1).onRefresh = () => gone.promise
  let refreshed = 0
  at(0).onRefresh = async () => void refreshed++
  const refreshing = second.reflector.refresh()
  await at(1).list(5)
  gone.reject(new Error('cancelled'))
  await refreshing
  expect(refreshed).toBe(1)
})

describe('where the first of several that come at once ends', () => {
  test.each(['before it has listed', 'while the others list'])(
    '%s, the others share the watch of one of them',
    async (when) => {
      const { played, follow, at } = play()
      const first = follow()
      const others = Array.from({ length: 5 }, () => follow())
      if (when === 'while the others list') await at(0).list(4)
      first.reflector.cancel()
      expect(first.notified.at(-1)).toBe('end')
      for (const [index] of others.entries()) await at(index + 1).list(5)
      const open = () => played.filter(({ isCancelled }) => !isCancelled)
      expect(open()).toEqual([at(1)])
      at(1).change(6)
      for (const { notified } of others)
        expect(notified.filter((what) => what !== 'contact')).toEqual([...LISTED(5), '6'])
      others[0]?.reflector.cancel()
      at(1).change(7)
      expect(others.map(({ notified }) => notified.at(-1))).toEqual(['end', '7', '7', '7', '7'])
      for (const { reflector } of others) reflector.cancel()
      expect(open()).toEqual([])
      for (const { notified } of others) expect(notified.filter((what) => what === 'end')).toHaveLength(1)
    },
  )

  test('one that is behind joins when it has caught up', async () => {
    const { played, follow, at } = play()
    const first = follow()
    const [second, third] = [follow(), follow()]
    await at(2).list(5)
    first.reflector.cancel()
    at(2).change(7)
    await at(1).list(6)
    expect(played.filter(({ isCancelled }) => !isCancelled)).toHaveLength(2)
    at(1).change(7)
    expect(played.filter(({ isCancelled }) => !isCancelled)).toEqual([at(2)])
    at(2).change(8)
    for (const { notified } of [second, third]) expect(notified.at(-1)).toBe('8')
  })

  test('one that has ended itself is not shared', async () => {
    const { follow, at } = play()
    const first = follow()
    const second = follow()
    second.reflector.cancel()
    first.reflector.cancel()
    const third = follow()
    await at(2).list(5)
    at(2).change(6)
    expect(third.notified.at(-1)).toBe('6')
    expect(second.notified).toEqual(['end'])
  })
})
