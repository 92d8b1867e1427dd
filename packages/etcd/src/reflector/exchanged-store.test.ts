import { expect, it } from 'vitest'
import { type Change, FakeEtcd } from '../watch/fake-etcd.test.kit.ts'
import { ManualClock, settled } from '../watch/scripted-channel.test.kit.ts'
import { silentLogger } from '../logger.ts'
import { createWatchService } from '../watch/watch-service.ts'

const put = (key: string): Change => ({ key, isDelete: false })
const del = (key: string): Change => ({ key, isDelete: true })

/** A store, and ranges of it that are followed as one, as their caller sees them. */
class FollowedStore {
  readonly etcd: FakeEtcd
  readonly clock = new ManualClock()
  readonly service
  readonly content = new Map<string, string>()
  /** Contents that the store did not have at their revision. */
  readonly mixed: string[] = []
  epoch = 0

  constructor(isProgressOrdered: boolean, prefixes: readonly string[]) {
    this.etcd = new FakeEtcd({
      answersOutOfOrder: !isProgressOrdered,
      losesDeletesAtCompaction: false,
      repeats: false,
    })
    const options = { progressIntervalMs: 1_000, progressGraceMs: 500, openTimeoutMs: 700 }
    this.service = createWatchService(this.etcd.channel, {
      clock: this.clock,
      logger: silentLogger,
      ...options,
    })
    const ranges = prefixes.map((prefix) => ({ prefix }))
    let listed: [string, string][] = []
    this.service.reflect(
      { ranges, follow: ranges },
      {
        onListing: () => (listed = []),
        onPage: (_, page) =>
          listed.push(...page.entries().map(({ key, value }) => [`${key}`, `${value}`] as [string, string])),
        onList: ({ epoch }) => {
          this.epoch = epoch
          this.content.clear()
          for (const [key, value] of listed) this.content.set(key, value)
        },
        onBatch: ({ revision, events, isUndone }) => {
          for (const { type, key, text } of events) {
            if (type === 'put') this.content.set(key, text)
            else this.content.delete(key)
          }
          const held = JSON.stringify(this.held)
          if (!isUndone && held !== JSON.stringify(this.#wanted(prefixes, revision)))
            this.mixed.push(`${revision}: ${held}`)
        },
      },
    )
    this.#prefixes = prefixes
  }
  readonly #prefixes: readonly string[]

  get held(): Record<string, string> {
    return Object.fromEntries([...this.content].sort())
  }

  get wanted(): Record<string, string> {
    return this.#wanted(this.#prefixes, this.etcd.revision)
  }

  #wanted(prefixes: readonly string[], revision: number): Record<string, string> {
    const isIn = ([key]: [string, string]) => prefixes.some((prefix) => key.startsWith(prefix))
    return Object.fromEntries(Object.entries(this.etcd.valuesAt(revision)).filter(isIn).sort())
  }

  /** Everything on the way arrives, `turns` times in 25 ms: each answer alone, so that reads are answered in between. */
  async pass(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn += 1) {
      this.clock.advance(25)
      this.etcd.sync()
      // A store that is listed again and again sends without end.
      for (let sent = 0; this.etcd.isSending && sent < 200; sent += 1) {
        this.etcd.write1(true)
        this.etcd.arrive()
        for (let each = 0; each < 4; each += 1) await settled()
      }
      for (let each = 0; each < 4; each += 1) await settled()
    }
  }
}

/** What was written after the copy was made, and what is written to the copy instead. `A` is the first range. */
const EXCHANGES: Record<string, readonly [old: readonly Change[][], other: readonly Change[][]]> = {
  'a put more': [[[put('A')]], [[put('A'), put('B')]]],
  'a new key more': [[[put('A')]], [[put('A'), put('Bnew')]]],
  'a delete more': [[[put('A')]], [[put('A'), del('Bgone')]]],
  'a key exchanged': [[[put('A')]], [[put('A'), del('Bgone'), put('Bnew')]]],
  'a put less': [[[put('A'), put('B')]], [[put('A')]]],
  'a delete less': [[[put('A'), del('Bgone')]], [[put('A')]]],
  'the last of several': [
    [[put('A')], [put('A')], [put('A')]],
    [[put('A')], [put('A')], [put('A'), put('B')]],
  ],
  'one in between': [
    [[put('A')], [put('A')], [put('A')]],
    [[put('A')], [put('A'), put('B')], [put('A')]],
  ],
  'one in between, gone again': [
    [[put('A')], [put('A')], [put('A')]],
    [[put('A'), del('Bgone')], [put('A'), put('Bnew')], [put('A')]],
  ],
}
const CASES = Object.keys(EXCHANGES).flatMap((what) =>
  [true, false].flatMap((isOrdered) =>
    [0, 80].flatMap((turns) =>
      ['AB', 'BA'].flatMap((order) => [0, 2].map((more) => ({ what, isOrdered, turns, order, more }))),
    ),
  ),
)

it.each(CASES)(
  'P12 $what (progress ordered: $isOrdered, after $turns turns, ranges $order, $more further): a new epoch, no mix',
  async ({ what, isOrdered, turns, order, more }) => {
    const named = (changes: readonly Change[]) =>
      changes.map(({ key, isDelete }) => ({
        key: key.replace(/^./, (c) => (order[c === 'A' ? 0 : 1] ?? '').toLowerCase()),
        isDelete,
      }))
    const store = new FollowedStore(isOrdered, ['a', 'b'])
    const { etcd } = store
    etcd.write(['a', 'b', 'agone', 'bgone'].map(put))
    await store.pass(40)
    const copied = etcd.revision
    const [old, other] = EXCHANGES[what]!
    for (const changes of old) etcd.write(named(changes))
    // Just as long as the change takes, before any progress; or with it.
    await store.pass(14)
    expect([store.held, store.epoch]).toEqual([store.wanted, 0])
    await store.pass(turns)
    store.mixed.length = 0
    etcd.rewind(copied)
    for (const changes of other) etcd.write(named(changes))
    for (let count = 0; count < more; count += 1) etcd.write([put(count === 0 ? 'elsewhere' : 'a')])
    await store.pass(120)
    expect([store.held, store.mixed, store.epoch]).toEqual([store.wanted, [], 1])
    store.service.close()
  },
)

it.each([true, false])(
  'P12 the store is the same: keys that come and go through cuts make no epoch (progress ordered: %s)',
  async (isOrdered) => {
    const store = new FollowedStore(isOrdered, ['a', 'b'])
    const { etcd } = store
    etcd.write([put('a'), put('b')])
    await store.pass(40)
    for (let round = 0; round < 40; round += 1) {
      etcd.write([put(`b${round}`)])
      etcd.write([put('a')])
      etcd.write([del(`b${round}`), put('a')])
      etcd.write([put('c'), put(`b${round}`), del(`b${round}`)])
      if (round % 3 === 0) etcd.cut()
      await store.pass(round % 7)
    }
    await store.pass(80)
    expect([store.held, store.mixed, store.epoch]).toEqual([store.wanted, [], 0])
    store.service.close()
  },
)

it('P12 a change of a key that is not remembered, at a revision known to have none, is not passed over', async () => {
  for (let count = 0; count < 12; count += 1) {
    const store = new FollowedStore(true, ['a'])
    const { etcd } = store
    etcd.write(Array.from({ length: 300 }, (_, index) => put(`a${index}`)))
    await store.pass(40)
    const copied = etcd.revision
    etcd.write([put('elsewhere')])
    await store.pass(80)
    etcd.rewind(copied)
    etcd.write([put(`a${count * 25}`)])
    etcd.write([put('elsewhere')])
    await store.pass(120)
    expect([store.held, store.epoch]).toEqual([store.wanted, 1])
    store.service.close()
  }
})

/** What a store is written last, transaction by transaction, before it is listed or its watch is lost. */
const LAST: Record<string, readonly Change[][]> = {
  'one of many keys': [[put('a0')]],
  'many keys, one after the other': Array.from({ length: 40 }, (_, index) => [put(`a${index}`)]),
  'many keys at once': [Array.from({ length: 60 }, (_, index) => put(`a${index}`))],
  'more keys than are remembered, and deletes of as many others': [
    [
      ...Array.from({ length: 30 }, (_, index) => put(`a${index}`)),
      ...Array.from({ length: 30 }, (_, index) => del(`a${60 + index}`)),
    ],
  ],
  'new keys, and keys that are gone again': [
    [put('anew'), put('a5'), ...Array.from({ length: 30 }, (_, index) => put(`agone${index}`))],
    [put('a7'), ...Array.from({ length: 30 }, (_, index) => del(`agone${index}`))],
  ],
}

it.each(
  Object.keys(LAST).flatMap((what) =>
    [true, false].flatMap((isOrdered) => ['listed', 'watched'].map((when) => ({ what, isOrdered, when }))),
  ),
)(
  'P12 the store is the same: $what, $when (progress ordered: $isOrdered), is repeated and makes no epoch',
  async ({ what, isOrdered, when }) => {
    const store = new FollowedStore(isOrdered, ['a'])
    const { etcd } = store
    etcd.write(Array.from({ length: 400 }, (_, index) => put(`a${index}`)))
    if (when === 'watched') await store.pass(10)
    for (const changes of LAST[what]!) etcd.write(changes)
    await store.pass(30)
    for (let cut = 0; cut < 2; cut += 1) {
      etcd.cut()
      await store.pass(30)
    }
    expect([store.held, store.mixed, store.epoch]).toEqual([store.wanted, [], 0])
    store.service.close()
  },
)
