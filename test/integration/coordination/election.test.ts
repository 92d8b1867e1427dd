import {
  type Candidate,
  createElection,
  type Leadership,
  observeElection,
  openElectionView,
  runElection,
} from '@livetree/coordination'
import { type EtcdClient, op } from '@livetree/etcd'
import { expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { codeOf, isPending, keysOf, open, proxyTo } from './kit.ts'

withoutOpenHandles()

const NAME = 'elections/a'

/** Waits until there are so many candidates. */
const candidates = (client: EtcdClient, count: number) =>
  waitFor(async () => (await keysOf(client, `${NAME}/`)).length === count, { what: `${count} candidates` })

/** What an observer sees: the values of the leaders, `-` for nobody. */
function observe(client: EtcdClient): { readonly seen: string[]; stop(): Promise<void> } {
  const stopping = new AbortController()
  const seen: string[] = []
  const observing = (async () => {
    for await (const leader of observeElection(client, NAME, { signal: stopping.signal }))
      seen.push(leader?.value.toString() ?? '-')
  })()
  return {
    seen,
    stop: async () => {
      stopping.abort()
      await observing
    },
  }
}

/** A run under another name whose work ends when it is asked to: it shows when such a run leads again after a loss. */
function obedientRun(client: EtcdClient) {
  const stop = new AbortController()
  let last: Leadership | undefined
  let terms = 0
  const run = runElection(client, 'elections/obedient', { value: '1', signal: stop.signal }, (leadership) => {
    last = leadership
    terms += 1
    return new Promise<void>((resolve) => leadership.signal.addEventListener('abort', () => resolve()))
  })
  return {
    /** Takes its leadership away, so many times, and waits until it leads again. */
    leadAgain: async (times: number) => {
      for (let count = 0; count < times; count += 1) {
        const { key } = await waitFor(() => last)
        const before = terms
        await client.kv.delete(key)
        await waitFor(() => terms > before, { what: 'the next term' })
      }
    },
    stop: async () => {
      stop.abort()
      await run
    },
  }
}

oneEtcd('an election', (etcd) => {
  it('E1 has one leader at each revision, in the order of the candidacies', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const elections = [createElection(await open(client), NAME), createElection(await open(client), NAME)]
    const first = await elections[0]!.campaign('first')
    const second = elections[1]!.campaign('second')
    await candidates(client, 2)
    const third = elections[0]!.campaign('third')
    await candidates(client, 3)
    expect((await elections[1]!.candidates()).map(({ value }) => String(value))).toEqual([
      'first',
      'second',
      'third',
    ])
    expect(await elections[1]!.leader()).toMatchObject({ key: first.key, token: first.token, isOurs: false })
    expect([await isPending(second), await isPending(third)]).toEqual([true, true])
    await first.resign()
    const leader = await second
    expect([first.isHeld, leader.isHeld, String(leader.value)]).toEqual([false, true, 'second'])
    expect(leader.token).toBeGreaterThan(first.token)
    expect(await isPending(third)).toBe(true)
    await leader.commit(op.put('data', 'second'))
    expect(await codeOf(first.commit(op.put('data', 'first')))).toBe('closed')
    await leader.resign()
    await (await third).resign()
    expect(await elections[0]!.leader()).toBeUndefined()
  })

  it('E3 proclaims new values in order, and writes nothing after the loss', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const proxy = await proxyTo(server.endpoint)
    const session = await open(connect(proxy.endpoint))
    const leadership = await createElection(session, NAME).campaign('1')
    await Promise.all(['2', '3', '4'].map((value) => leadership.proclaim(value)))
    expect((await client.kv.get(leadership.key))?.text).toBe('4')
    // An answer that is lost changes nothing: the next value stays the last one.
    proxy.dropReplies()
    const proclaiming = [leadership.proclaim('5'), leadership.proclaim('6')]
    await waitFor(async () => (await client.kv.get(leadership.key))?.text === '5')
    proxy.cutAll()
    proxy.heal()
    await Promise.all(proclaiming)
    expect((await client.kv.get(leadership.key))?.text).toBe('6')
    expect([String(leadership.value), leadership.isHeld]).toEqual(['6', true])
    expect((await client.kv.get(leadership.key))?.lease).toBe(session.lease)
    await client.kv.delete(leadership.key)
    const late = await leadership.proclaim('7').catch((error: unknown) => error)
    expect(late).toMatchObject({ code: 'not_leader', cause: { code: 'lock_lost' } })
    expect(await keysOf(client, `${NAME}/`)).toEqual([])
    expect(String(leadership.value)).toBe('6')
  })

  it('E4 shows every leader and the absence of one, also after a gap', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const proxy = await proxyTo(server.endpoint)
    const near = observe(client)
    const far = observe(connect(proxy.endpoint))
    await waitFor(() => near.seen.length === 1 && far.seen.length === 1)
    const election = createElection(await open(client), NAME)
    const first = await election.campaign('1')
    const second = election.campaign('2')
    await candidates(client, 2)
    await waitFor(() => far.seen.at(-1) === '1')
    await first.proclaim('1b')
    await waitFor(() => near.seen.at(-1) === '1b' && far.seen.at(-1) === '1b')
    proxy.stall()
    await first.resign()
    const leader = await second
    await waitFor(() => near.seen.at(-1) === '2')
    await leader.resign()
    await waitFor(() => near.seen.at(-1) === '-')
    const { revision } = (await client.kv.put('other', '')).header
    await client.kv.compact(revision)
    const third = await election.campaign('3')
    await waitFor(() => near.seen.at(-1) === '3')
    proxy.cutAll()
    proxy.heal()
    await waitFor(() => far.seen.at(-1) === '3')
    await third.resign()
    await waitFor(() => near.seen.at(-1) === '-' && far.seen.at(-1) === '-')
    await near.stop()
    await far.stop()
    expect(near.seen).toEqual(['-', '1', '1b', '2', '-', '3', '-'])
    // The history of the gap is compacted, and the newest leader is what it sees after it.
    expect(far.seen).toEqual(['-', '1', '1b', '3', '-'])
    expect(client.watch.size).toBe(0)
  })

  it('E4 a view has leader and candidates, says when it is stale, and equals a read when it is fresh', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const proxy = await proxyTo(server.endpoint)
    const election = createElection(await open(client), NAME)
    const leadership = await election.campaign('1')
    await client.kv.put(`${NAME}/deeper/key`, 'another name')
    await using view = await openElectionView(connect(proxy.endpoint), NAME)
    const values = (list: readonly Candidate[]) => list.map(({ value }) => String(value))
    expect([view.leader?.token, values(view.candidates)]).toEqual([leadership.token, ['1']])
    expect(view.isStale).toBe(false)
    let changes = 0
    const off = view.on('change', () => {
      changes += 1
    })
    const second = election.campaign('2')
    await candidates(client, 3)
    await view.fresh()
    expect(values(view.candidates)).toEqual(['1', '2'])
    expect(changes).toBe(1)
    await proxy.refuse()
    proxy.cutAll()
    await waitFor(() => view.isStale)
    await leadership.resign()
    await second
    await proxy.accept()
    await waitFor(() => !view.isStale && String(view.leader?.value) === '2')
    off()
    await view.close()
    expect(await codeOf(view.fresh())).toBe('closed')
  })

  it('E5, E6 a resignation can be repeated, and a candidate whose key goes never leads', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const proxy = await proxyTo(server.endpoint)
    const session = await open(connect(proxy.endpoint))
    const election = createElection(session, NAME)
    const leadership = await election.campaign('1')
    const other = createElection(await open(client), NAME)
    const second = codeOf(other.campaign('2'))
    await candidates(client, 2)
    const third = other.campaign('3')
    await candidates(client, 3)
    const [, key] = await keysOf(client, `${NAME}/`)
    await client.kv.delete(key!)
    expect(await second).toBe('lock_lost')
    proxy.stall()
    expect(await codeOf(leadership.resign({ timeoutMs: 100 }))).toBe('deadline_exceeded')
    expect([leadership.isHeld, await isPending(third)]).toEqual([false, true])
    proxy.heal()
    await leadership.resign()
    expect(String((await third).value)).toBe('3')
  })

  it('E2, E7 runElection leads again with a new session after a loss, and never before its work has ended', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const stop = new AbortController()
    const others = obedientRun(client)
    const terms: { readonly leadership: Leadership; end(): void }[] = []
    const lead = (leadership: Leadership) => {
      const { promise, reject } = Promise.withResolvers<void>()
      terms.push({ leadership, end: () => reject(new Error('interrupted')) })
      return promise
    }
    const run = runElection(client, NAME, { value: 'me', ttlSeconds: 20, signal: stop.signal }, lead)
    const outcome = codeOf(run)
    const leads = (count: number) => waitFor(() => terms.length === count, { what: `term ${count}` })
    await leads(1)
    // By hand, by revocation. What would lead again at once has done so when a run of the same kind has, twice.
    await client.kv.delete(terms[0]!.leadership.key)
    await others.leadAgain(2)
    expect([terms.length, terms[0]!.leadership.isHeld]).toEqual([1, false])
    terms[0]!.end()
    await leads(2)
    await connect(server.endpoint).lease.revoke((await client.kv.get(terms[1]!.leadership.key))!.lease)
    await others.leadAgain(2)
    expect([terms.length, terms[1]!.leadership.isHeld]).toEqual([2, false])
    terms[1]!.end()
    await leads(3)
    const next = createElection(await open(client), NAME).campaign('next')
    await candidates(client, 2)
    stop.abort()
    await others.leadAgain(1)
    await others.stop()
    // It leads until its work has ended.
    const { leadership } = terms[2]!
    expect([leadership.signal.aborted, leadership.isHeld, await isPending(next)]).toEqual([true, true, true])
    terms[2]!.end()
    expect([await outcome, terms.length]).toEqual([undefined, 3])
    expect((await next).isHeld).toBe(true)
    expect((await client.lease.list()).length).toBe(1)
  })

  it('E7 runElection queues anew when its key or its session goes while it waits', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const first = await createElection(await open(client), NAME).campaign('first')
    const stop = new AbortController()
    let terms = 0
    const lead = () => {
      terms += 1
      stop.abort()
    }
    const run = runElection(connect(server.endpoint), NAME, { value: 'me', signal: stop.signal }, lead)
    const waiting = async () => {
      const keys = await keysOf(client, `${NAME}/`)
      return await client.kv.get(keys.find((key) => key !== first.key) ?? 'none')
    }
    const candidate = await waitFor(waiting)
    await client.kv.delete(candidate.key)
    const second = await waitFor(waiting)
    await connect(server.endpoint).lease.revoke(second.lease)
    const third = await waitFor(waiting)
    const tokens = [candidate, second, third].map(({ createRevision }) => createRevision)
    expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b))
    expect(terms).toBe(0)
    await first.resign()
    await run
    expect(terms).toBe(1)
  })

  it('runElection ends with what its work throws while it leads, and with what etcd refuses for good', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const failing = runElection(client, NAME, { value: '1' }, () => Promise.reject(new TypeError('a bug')))
    await expect(failing).rejects.toThrow(new TypeError('a bug'))
    expect([await keysOf(client, NAME), await client.lease.list()]).toEqual([[], []])
    await expect(runElection(client, NAME, {} as never, () => 0)).rejects.toThrow(/the value is undefined/)
    const short = connect(server.endpoint)
    const closing = codeOf(
      runElection(
        short,
        NAME,
        { value: '1' },
        (leadership) =>
          new Promise<void>((resolve) => leadership.signal.addEventListener('abort', () => resolve())),
      ),
    )
    await candidates(client, 1)
    await short.close()
    expect(await closing).toBe('closed')
  })

  it('E4 ends an observation whose next leader is waited for', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint)
    const leaders = observeElection(client, 'elections/a')
    expect(await leaders.next()).toEqual({ done: false, value: undefined })
    const next = leaders.next()
    expect(await leaders.return()).toEqual({ done: true, value: undefined })
    expect([await next, client.watch.size]).toEqual([{ done: true, value: undefined }, 0])
    const other = observeElection(client, 'elections/a')
    await other.next()
    const waiting = other.next()
    await expect(other.throw(new Error('mine'))).rejects.toThrow('mine')
    expect([(await waiting).done, client.watch.size]).toEqual([true, 0])
  })
})
