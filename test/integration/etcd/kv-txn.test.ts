import { compare, createEtcdClient, type EtcdClient, type EtcdError, op } from '@livetree/etcd'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { failure } from '../../support/failure.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

clientEtcds('client.kv transactions and everyday forms', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  let client: EtcdClient
  let key = ''
  let number = 0

  beforeAll(async () => {
    server = await etcd.start()
    client = createEtcdClient({ endpoints: server.endpoint })
  })

  afterAll(async () => {
    await client.close()
    await server.close()
  })

  beforeEach(() => {
    number += 1
    key = `/txn${number}/k`
  })

  const kv = () => client.kv

  describe('txn', () => {
    test('runs the branch its conditions choose, all writes at one revision', async () => {
      const create = kv()
        .txn()
        .if(compare.isAbsent(key))
        .then(op.put(key, 'one'), op.put(`${key}2`, 'two'))
        .else(op.get(key))
      const first = await create.commit()
      expect(first.succeeded).toBe(true)
      const entries = (await kv().getRange({ prefix: key })).entries
      expect(entries.map((each) => each.modRevision)).toEqual([first.header.revision, first.header.revision])
      const second = await create.commit()
      if (second.succeeded) throw new Error('the condition held twice')
      expect(second.results[0]?.text).toBe('one')
      expect(second.header.revision).toBe(first.header.revision)
    })

    test('gives a result for each operation, with the header of the whole', async () => {
      await kv().put(key, 'old')
      const result = await kv()
        .txn()
        .then(
          op.put(key, 'new', { prevKv: true }),
          op.get(key),
          op.getRange({ prefix: key, countOnly: true }),
          op.delete(`${key}none`),
          op.deleteRange({ prefix: `${key}x`, prevKv: true }),
        )
        .commit()
      if (!result.succeeded) throw new Error('no condition can fail')
      const [put, got, range, deleted] = result.results
      expect(put).toMatchObject({ previous: { text: 'old' }, header: { revision: result.header.revision } })
      expect(got?.text).toBe('new')
      expect(range).toMatchObject({ count: 1, header: result.header })
      expect(deleted.deleted).toBe(0)
    })

    test('compares every target in every relation, of one key and of a range', async () => {
      const { header } = await kv().put(key, 'm')
      const revision = header.revision
      const { lease } = await kv().putWithTtl(`${key}l`, 'm', { ttlSeconds: 60 })
      const holds = [
        compare.version(key, '=', 1),
        compare.version(key, '<', 2),
        compare.version(`${key}none`, '=', 0),
        compare.createRevision(key, '=', revision),
        compare.createRevision(key, '>', revision - 1),
        compare.modRevision(key, '=', revision),
        compare.modRevision(key, '!=', revision + 1),
        compare.value(key, '=', 'm'),
        compare.value(key, '>', 'l'),
        compare.value(key, '<', Buffer.from('n')),
        compare.value(key, '!=', 'x'),
        compare.lease(key, '=', 0n),
        compare.lease(`${key}l`, '=', lease),
        compare.exists(key),
        compare.isAbsent(`${key}none`),
        compare.value({ prefix: key }, '=', 'm'),
        compare.createRevision({ prefix: key }, '>', revision - 1),
      ]
      const fails = [
        compare.version(key, '>', 1),
        compare.createRevision(key, '<', revision),
        compare.modRevision(key, '=', 0),
        compare.value(key, '=', 'x'),
        compare.value(`${key}none`, '=', ''),
        compare.value(`${key}none`, '!=', 'x'),
        compare.lease(`${key}l`, '=', 0n),
        compare.exists(`${key}none`),
        compare.isAbsent(key),
        compare.lease({ prefix: key }, '=', lease),
      ]
      expect(
        (
          await kv()
            .txn()
            .if(...holds)
            .commit()
        ).succeeded,
      ).toBe(true)
      for (const [index, condition] of [...holds, ...fails].entries()) {
        expect([index, (await kv().txn().if(condition).commit()).succeeded]).toEqual([
          index,
          index < holds.length,
        ])
      }
    })

    test('nests', async () => {
      const inner = kv().txn().if(compare.isAbsent(key)).then(op.put(key, 'inner')).else(op.get(key))
      const outer = kv()
        .txn()
        .if(compare.isAbsent(`${key}none`))
        .then(op.txn(inner), op.get(key))
      const result = await outer.commit()
      expect(result).toMatchObject({
        succeeded: true,
        results: [{ succeeded: true, results: [{}] }, { text: 'inner' }],
      })
      const again = await outer.commit()
      expect(again).toMatchObject({
        succeeded: true,
        results: [{ succeeded: false, results: [{ text: 'inner' }] }, {}],
      })
    })

    test('refuses on this side what the server would refuse, by the same code', async () => {
      await using unchecked = createEtcdClient({ endpoints: server.endpoint, limits: { txnOps: 10_000 } })
      const many = Array.from({ length: 129 }, (_, index) => op.put(`${key}${index}`, ''))
      expect(
        (
          await failure(
            kv()
              .txn()
              .then(...many)
              .commit(),
          )
        ).fate,
      ).toBe('not_sent')
      expect(
        (
          await failure(
            unchecked.kv
              .txn()
              .then(...many)
              .commit(),
          )
        ).code,
      ).toBe('request_too_large')
      await kv()
        .txn()
        .then(...many.slice(1))
        .commit()
      const duplicates = [
        kv().txn().then(op.put(key, 'a'), op.put(key, 'b')),
        kv()
          .txn()
          .then(op.put(`${key}5`, 'a'), op.deleteRange({ prefix: key })),
        kv()
          .txn()
          .else(op.put(key, 'a'), op.txn(kv().txn().then(op.put(key, 'b')))),
        kv()
          .txn()
          .then(op.delete(key), op.txn(kv().txn().else(op.put(key, 'b')))),
      ]
      for (const txn of duplicates) expect((await failure(txn.commit())).code).toBe('duplicate_key')
      const fine = kv().txn().then(op.put(key, 'a')).else(op.put(key, 'b'))
      await kv()
        .txn()
        .then(op.txn(fine), op.delete(`${key}other`))
        .commit()
    })

    test('that is awaited instead of committed says so', async () => {
      // @ts-expect-error the compiler says so, too
      const careless = async () => kv().txn().then(op.put(key, 'v'))
      expect((await failure(careless() as Promise<unknown>)).what).toBe(
        'the transaction was awaited before commit()',
      )
      expect(await kv().get(key)).toBeUndefined()
    })

    test('a value of bytes is compared as bytes', async () => {
      const value = Buffer.from([0xff, 0x00])
      await kv().put(key, value)
      expect(
        (
          await kv()
            .txn()
            .if(compare.value(key, '=', value))
            .commit()
        ).succeeded,
      ).toBe(true)
    })
  })

  describe('everyday forms', () => {
    test('create writes only what is not there', async () => {
      const { header } = await kv().create(key, 'one')
      expect((await kv().get(key))?.createRevision).toBe(header.revision)
      expect(await failure(kv().create(key, 'two'))).toMatchObject({ code: 'key_exists' })
      expect((await kv().get(key))?.text).toBe('one')
    })

    test('update writes only what is there', async () => {
      expect(await failure(kv().update(key, 'one'))).toMatchObject({ code: 'key_not_found' })
      await kv().put(key, 'one')
      await kv().update(key, 'two')
      expect((await kv().get(key))?.text).toBe('two')
    })

    test('swap by value and by revision', async () => {
      const { header } = await kv().put(key, 'one')
      expect((await failure(kv().compareAndSwap(key, 'x', { expectedValue: 'two' }))).code).toBe(
        'compare_failed',
      )
      await kv().compareAndSwap(key, 'two', { expectedValue: 'one' })
      const refused = await failure(kv().compareAndSwap(key, 'x', { expectedRevision: header.revision }))
      expect(refused.what).toMatch(/last written at revision \d+, expected was \d+/)
      await kv().compareAndSwap(key, 'three', { expectedRevision: header.revision + 1 })
      expect((await kv().get(key))?.text).toBe('three')
      await kv().compareAndSwap(`${key}new`, 'made', { expectedRevision: 0 })
      expect((await failure(kv().compareAndSwap(key, 'x', {}))).code).toBe('invalid_argument')
    })

    test('putWithTtl writes a key that goes away', async () => {
      const { lease, ttlSeconds } = await kv().putWithTtl(key, 'v', { ttlSeconds: 2 })
      expect(ttlSeconds).toBeGreaterThanOrEqual(2)
      expect((await kv().get(key))?.lease).toBe(lease)
      await waitFor(async () => (await kv().get(key)) === undefined, { timeoutMs: 20_000 })
      expect((await failure(kv().putWithTtl(key, 'v', { ttlSeconds: 0 }))).code).toBe('invalid_argument')
    })

    test('append keeps the order of creation, also among many at once', async () => {
      const prefix = `${key}/queue/`
      const appended = await Promise.all(
        Array.from({ length: 20 }, (_, index) => kv().append(prefix, `v${index}`)),
      )
      await kv().append(prefix, 'last')
      const byKey = (await kv().getRange({ prefix })).entries
      const byCreation = (await kv().getRange({ prefix, sort: { by: 'create' } })).entries
      expect(byKey.map((each) => each.key)).toEqual(byCreation.map((each) => each.key))
      expect(byKey.at(-1)?.text).toBe('last')
      expect(new Set(byKey.map((each) => each.text)).size).toBe(21)
      for (const { key: name, revision } of appended)
        expect((await kv().get(name))?.createRevision).toBe(revision)
    })

    test('pop takes a key away', async () => {
      await kv().put(key, 'v')
      expect((await kv().pop(key))?.text).toBe('v')
      expect(await kv().pop(key)).toBeUndefined()
    })

    test('nextChange waits for one revision, from now or from a given one, and no longer than it may', async () => {
      const waiting = kv().nextChange({ prefix: key, timeoutMs: 10_000 })
      await waitFor(() => client.watch.size === 1)
      // The watch begins where the server takes it on, so the write is repeated until it is seen.
      let isSeen = false
      void waiting.then(() => {
        isSeen = true
      })
      await waitFor(async () => {
        await kv()
          .txn()
          .then(op.put(`${key}a`, '1'), op.put(`${key}b`, '2'))
          .commit()
        return isSeen
      })
      expect((await waiting).events.map((each) => each.kv.value.toString())).toEqual(['1', '2'])
      const { header } = await kv().put(key, 'three')
      const past = await kv().nextChange({ key, afterRevision: header.revision - 1, timeoutMs: 10_000 })
      expect(past.revision).toBe(header.revision)
      expect((await failure(kv().nextChange({ key, timeoutMs: 30 }))).code).toBe('deadline_exceeded')
      const stop = new AbortController()
      const stopped = failure(kv().nextChange({ key, signal: stop.signal }))
      stop.abort()
      expect((await stopped).code).toBe('cancelled')
      await waitFor(() => client.watch.size === 0)
    })
  })

  describe('when an answer is lost', () => {
    let proxy: TcpProxy
    let through: EtcdClient
    /** The first request with this in it, once armed, loses its answer and those after it. */
    let isArmed = false
    const marker = 'lose-my-answer'

    beforeAll(async () => {
      const admit = (bytes: Buffer): boolean => {
        if (isArmed && bytes.includes(marker)) {
          isArmed = false
          proxy.dropReplies()
        }
        return true
      }
      proxy = await startProxy({ target: server.endpoint, admit })
      through = createEtcdClient({ endpoints: proxy.endpoint, timeouts: { callMs: 5_000 } })
    })

    afterAll(async () => {
      await through.close()
      await proxy.close()
    })

    /** Lets requests pass and throws away the answers until `isApplied`, then cuts the connection and heals. */
    const losing = async <R>(write: () => Promise<R>, isApplied: () => Promise<boolean>): Promise<R> => {
      await through.kv.get(key)
      proxy.dropReplies()
      const outcome = write()
      outcome.catch(() => undefined)
      await waitFor(isApplied)
      proxy.heal()
      proxy.cutAll()
      return outcome
    }

    const isThere = async () => (await kv().get(key)) !== undefined

    test('a put is of unknown outcome, and the server saw it once', async () => {
      const error = await failure(losing(() => through.kv.put(key, 'v'), isThere))
      expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown', call: 'KV/Put' })
      expect((await through.kv.get(key))?.version).toBe(1)
      expect(await kv().get(key)).toMatchObject({ version: 1, text: 'v' })
    })

    test('a delete and a transaction are of unknown outcome', async () => {
      await kv().put(key, 'v')
      const isGone = async () => !(await isThere())
      expect((await failure(losing(() => through.kv.delete(key), isGone))).code).toBe('outcome_unknown')
      const txn = () => through.kv.txn().then(op.put(key, 'v')).commit()
      expect((await failure(losing(txn, isThere))).code).toBe('outcome_unknown')
      expect((await kv().get(key))?.version).toBe(1)
    })

    test('create of a value of its own is recognised; of any other it stays open; of another one it fails', async () => {
      const { header } = await losing(() => through.kv.create(key, 'mine-1234', { isUnique: true }), isThere)
      expect(await kv().get(key)).toMatchObject({
        version: 1,
        modRevision: header.revision,
        text: 'mine-1234',
      })
      await kv().delete(key)
      expect((await failure(losing(() => through.kv.create(key, 'plain'), isThere))).code).toBe(
        'outcome_unknown',
      )
      expect((await kv().get(key))?.version).toBe(1)
    })

    test('swap by revision is recognised by its value, and applied once', async () => {
      const { header } = await kv().put(key, 'old')
      const isSwapped = async () => (await kv().get(key))?.text === 'mine-1234'
      const options = { expectedRevision: header.revision, isUnique: true }
      await losing(() => through.kv.compareAndSwap(key, 'mine-1234', options), isSwapped)
      expect(await kv().get(key)).toMatchObject({ version: 2, text: 'mine-1234' })
    })

    /** As `losing`, for calls that send more than one request: only the answer to the marked one is lost. */
    const losingMarked = async <R>(
      write: () => Promise<R>,
      isApplied: () => Promise<boolean>,
    ): Promise<R> => {
      await through.kv.get(key)
      isArmed = true
      const outcome = write()
      outcome.catch(() => undefined)
      await waitFor(isApplied)
      proxy.heal()
      proxy.cutAll()
      return outcome
    }

    test('putWithTtl is recognised by its lease', async () => {
      const write = () => through.kv.putWithTtl(key, marker, { ttlSeconds: 60 })
      const { lease, header } = await losingMarked(write, isThere)
      expect(await kv().get(key)).toMatchObject({ lease, modRevision: header.revision, version: 1 })
    })

    test('append is recognised by its name', async () => {
      const prefix = `${key}/queue/`
      const write = () => through.kv.append(prefix, marker)
      const { key: name } = await losingMarked(write, async () => (await kv().count({ prefix })) === 1)
      expect((await kv().getRange({ prefix })).entries.map((each) => each.key)).toEqual([name])
    })

    test('compact counts as done', async () => {
      const { header } = await kv().put(key, 'v')
      const isCompacted = async () =>
        (await failure(kv().get(key, { revision: header.revision - 1 }))).code === 'compacted'
      await losing(() => through.kv.compact(header.revision), isCompacted)
    })

    /** The request never arrives, and meanwhile another client does its own. */
    const overtaken = async (
      write: () => Promise<unknown>,
      other: () => Promise<unknown>,
    ): Promise<EtcdError> => {
      await through.kv.get(`${key}warm`)
      const carried = proxy.carriedBytes.toServer
      proxy.stall('toServer')
      const outcome = failure(write())
      await other()
      expect(proxy.carriedBytes.toServer).toBe(carried)
      proxy.cutAll()
      proxy.heal()
      return outcome
    }

    test('a guarded write that never arrived loses to another one, in words', async () => {
      const create = () => through.kv.create(key, 'mine', { isUnique: true })
      expect((await overtaken(create, () => kv().put(key, 'theirs'))).code).toBe('key_exists')
      const { modRevision } = (await kv().get(key))!
      const swap = () =>
        through.kv.compareAndSwap(key, 'mine', { expectedRevision: modRevision, isUnique: true })
      expect((await overtaken(swap, () => kv().put(key, 'theirs, too'))).code).toBe('compare_failed')
      const again = async () => {
        await kv().put(key, 'once')
        await kv().put(key, 'twice')
      }
      const now = (await kv().get(key))!.modRevision
      const late = () => through.kv.compareAndSwap(key, 'mine', { expectedRevision: now, isUnique: true })
      expect((await overtaken(late, again)).code).toBe('outcome_unknown')
      expect((await kv().get(key))?.text).toBe('twice')
    })

    test('a read is simply read again', async () => {
      await kv().put(key, 'v')
      proxy.dropReplies()
      const reading = through.kv.get(key)
      proxy.heal()
      proxy.cutAll()
      expect((await reading)?.text).toBe('v')
    })
  })
})
