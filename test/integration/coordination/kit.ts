import { openSession, type Session, type SessionOptions } from '@livetree/coordination'
import { type EtcdClient, EtcdError, type Logger } from '@livetree/etcd'
import type { TxnRequest } from '@livetree/etcd/wire'
import { onTestFinished } from 'vitest'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'

const proxies = new Set<TcpProxy>()

/** A session that is closed after the test that calls this, before its client is: what was opened last is closed first. */
export async function open(client: EtcdClient, options: SessionOptions = {}): Promise<Session> {
  const session = await openSession(client, { ttlSeconds: 20, ...options })
  onTestFinished(() => {
    for (const proxy of proxies) proxy.heal()
    return session.close()
  })
  return session
}

/** A proxy in front of a server that is closed after the sessions behind it. */
export async function proxyTo(target: string): Promise<TcpProxy> {
  const proxy = await startProxy({ target })
  proxies.add(proxy)
  onTestFinished(async () => {
    proxies.delete(proxy)
    await proxy.close()
  })
  return proxy
}

/** The keys below a prefix, in the order of their creation. */
export async function keysOf(client: EtcdClient, prefix: string): Promise<string[]> {
  const { entries } = await client.kv.getRange({ prefix, keysOnly: true, sort: { by: 'create' } })
  return entries.map(({ key }) => key)
}

/** Settles at the next turn of the event loop whether a promise is pending. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  const after = new Promise((resolve) => setImmediate(resolve, pending))
  return (await Promise.race([promise.catch(() => undefined), after])) === pending
}

/** The code of the error a promise rejects with; `undefined` if it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** What a client has sent and received. */
export interface Traffic {
  /** Transactions. The reads by which the client makes sure of the store of a watch do not count. */
  calls: number
  /** Events of watches. */
  events: number
}

/** Has a function send the transactions of a client, from now on: it gets the request, and what sends it. */
export function sendTxnsBy(
  client: EtcdClient,
  run: (request: TxnRequest, send: () => Promise<unknown>) => Promise<unknown>,
): void {
  const { channel } = client
  const unary = channel.unary.bind(channel)
  Object.assign(channel, {
    unary: (...args: Parameters<typeof unary>) => {
      const send = () => unary(...args)
      return args[0].path.endsWith('/Txn') ? run(args[1] as TxnRequest, send) : send()
    },
  })
}

/** Counts the transactions of a client and the events of its watches, from now on. */
export function countTraffic(client: EtcdClient): Traffic {
  const traffic = { calls: 0, events: 0 }
  const { watch } = client
  const subscribe = watch.subscribe.bind(watch)
  sendTxnsBy(client, (_, send) => {
    traffic.calls += 1
    return send()
  })
  Object.assign(watch, {
    subscribe: (...[range, handlers, options]: Parameters<typeof subscribe>) => {
      const onEvents: typeof handlers.onEvents = (batch) => {
        traffic.events += batch.events.length
        handlers.onEvents(batch)
      }
      return subscribe(range, { ...handlers, onEvents }, options)
    },
  })
  return traffic
}

/** A transaction whose answer never comes. */
export interface LostTxn {
  /** Resolves when it was sent; with the store's answer if it arrived there. */
  readonly sent: Promise<unknown>
  /** Lets the client learn that it has no answer. */
  report(): void
}

/** Loses the answer of the next transaction of a client, or, unless it arrives, the whole request. */
export function loseNextTxn(client: EtcdClient, { arrives }: { readonly arrives: boolean }): LostTxn {
  const sent = Promise.withResolvers<unknown>()
  const reported = Promise.withResolvers<void>()
  let isOver = false
  sendTxnsBy(client, async (_, send) => {
    if (isOver) return send()
    isOver = true
    sent.resolve(arrives ? await send() : undefined)
    await reported.promise
    throw lostAnswer()
  })
  return { sent: sent.promise, report: () => reported.resolve() }
}

/** A transaction that has arrived, and whose answer is on its way. */
export interface HeldTxn {
  /** Resolves when it was applied. */
  readonly applied: Promise<unknown>
  /** Lets the answer arrive. */
  answer(): void
}

/** Holds the answer of the next transaction of a client back. */
export function holdNextAnswer(client: EtcdClient): HeldTxn {
  const applied = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<void>()
  let isOver = false
  sendTxnsBy(client, async (_, send) => {
    if (isOver) return send()
    isOver = true
    const answer = await send()
    applied.resolve()
    await answered.promise
    return answer
  })
  return { applied: applied.promise, answer: () => answered.resolve() }
}

/** Loses the answers of the first transactions of a client that put a key; all of them arrive. */
export function loseAnswersToPuts(client: EtcdClient, count: number): void {
  let left = count
  sendTxnsBy(client, async ({ success = [] }, send) => {
    const answer = await send()
    if (left === 0 || !success.some(({ request }) => request?.type === 'put')) return answer
    left -= 1
    throw lostAnswer()
  })
}

function lostAnswer(): EtcdError {
  return new EtcdError('outcome_unknown', { what: 'the test has lost the answer' })
}

/** A logger that collects its warnings. */
export function collecting(warnings: string[]): Logger {
  const nothing = (): void => undefined
  return {
    debug: nothing,
    info: nothing,
    warn: (message) => void warnings.push(message),
    error: (message) => void warnings.push(message),
  }
}
