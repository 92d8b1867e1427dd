import { setTimeout as sleep } from 'node:timers/promises'
import { op } from '@livetree/etcd'
import type { RejectedEvent } from 'livetree'
import { root, type ShopConfig } from './shop-config.ts'
import { ask, startVisiting } from './shop-client.ts'
import type { Store } from './store.ts'
import { inWords, say, sayMore } from './transcript.ts'

/** What the steps of the demo work with. */
export interface Scene {
  readonly store: Store
  readonly config: ShopConfig
  /** Where the shop answers. */
  readonly url: string
}

const discountKey = `${root}/prod/pricing/discountPercent`

/** A step of the demo. Throws if livetree does not keep its promise. */
export type Step = (scene: Scene) => Promise<void>

/** Writes a key; the running service responds with the new value. */
export const changeOneKey: Step = async ({ store, config, url }) => {
  say('write', `${discountKey} = 15`)
  const { event, afterMs } = await seeChange(config, () => store.client.kv.put(discountKey, '15'))
  expectThat(event.changes.length === 1, `one change, not ${event.changes.length}`)
  const { pathText, previous, next } = event.changes[0] ?? {}
  say(
    'swapped',
    `${pathText} ${previous} → ${next} at revision ${event.revision}, ${inWords(afterMs)} after the write was sent`,
    'good',
  )
  await expectPrice(url, '85.00 EUR')
}

/** Writes an invalid value, which is rejected with a message that says how to fix it; the last good one stays in service. */
export const refuseBadValue: Step = async ({ store, config, url }) => {
  const before = config.current
  say('write', `${discountKey} = lots`)
  const [event] = await Promise.all([nextRejection(config), store.client.kv.put(discountKey, 'lots')])
  const issue = event.issues[0]
  say('rejected', `revision ${event.revision}; the service stays on revision ${config.revision}`, 'refused')
  for (const { pathText, message, origins } of event.issues) {
    sayMore(`path ${pathText}: ${message}`)
    for (const origin of origins) sayMore(`key  ${origin.key}, written at revision ${origin.revision}`)
  }
  expectThat(event.issues.length === 1, `one problem, not ${event.issues.length}`)
  expectThat(issue?.pathText === 'pricing.discountPercent', `the path, not ${issue?.pathText}`)
  expectThat(issue?.origins[0]?.key === discountKey, `the key, not ${issue?.origins[0]?.key}`)
  expectThat(config.current === before, 'the configuration to stay what it was')
  await expectPrice(url, '85.00 EUR')
}

/** Writes a valid value, which ends the rejection without any other action. */
export const healByGoodValue: Step = async ({ store, config, url }) => {
  say('write', `${discountKey} = 25`)
  const { event, afterMs } = await seeChange(config, () => store.client.kv.put(discountKey, '25'))
  say(
    'healed',
    `valid again at revision ${event.revision}, ${inWords(afterMs)} after the write was sent`,
    'good',
  )
  await expectPrice(url, '75.00 EUR')
}

/** Writes twenty keys in one transaction, which is one change: no reader sees only some of them. */
export const changeTwentyKeys: Step = async ({ store, config, url }) => {
  const keys = Array.from(
    { length: 20 },
    (_, index) => `${root}/prod/stock/article-${String(index + 1).padStart(2, '0')}`,
  )
  say('write', `one transaction of 20 keys: ${keys[0]} … ${keys.at(-1)?.slice(-2)}`)
  let events = 0
  const stopCounting = config.on('change', () => {
    events += 1
  })
  await using visitor = startVisiting(url)
  await until(() => visitor.count >= 5, 'some answers before the write')
  const { event, afterMs } = await seeChange(config, () =>
    store.client.kv
      .txn()
      .then(...keys.map((key) => op.put(key, '5')))
      .commit(),
  )
  await until(async () => (await ask(url)).articlesInStock === 20, 'the shop to have 20 articles in stock')
  const { answers } = await visitor.stop()
  stopCounting()
  say(
    'swapped',
    `${event.changes.length} keys as one change at revision ${event.revision}, ${inWords(afterMs)} after the write was sent`,
    'good',
  )
  const seen = [...new Set(answers.map((answer) => answer.articlesInStock))]
  sayMore(`${answers.length} requests meanwhile saw ${seen.join(' or ')} articles, and nothing in between`)
  expectThat(event.changes.length === 20, `20 changes in one event, not ${event.changes.length}`)
  expectThat(events === 1, `one event, not ${events}`)
  expectThat(
    seen.every((count) => count === 0 || count === 20),
    'no request to see a part of the transaction',
  )
}

/** Stops and restarts etcd; the service keeps responding, reports how fresh it is, and catches up by itself. */
export const surviveWithoutStore: Step = async ({ store, config, url }) => {
  await using visitor = startVisiting(url)
  await until(() => visitor.count >= 5, 'some answers before the store is stopped')
  const source = () => config.status.sources.find(({ name }) => name === 'etcd')
  const stoppedAt = performance.now()
  await store.kill()
  say('stopped', `${store.name} was stopped`)
  await until(() => source()?.state === 'lost', 'the status to tell that the store is away')
  say('status', `the source "etcd" is lost; revision ${config.revision} stays in service`, 'refused')
  sayMore(source()?.lastError?.message ?? '')
  const answersBefore = visitor.count
  await until(() => performance.now() - stoppedAt > 2_000, 'two seconds without a store')
  sayMore(`${visitor.count - answersBefore} requests answered without it`)
  expectThat(visitor.count > answersBefore, 'the shop to answer while the store is away')
  await store.restart()
  say('started', `${store.name} is back after ${inWords(performance.now() - stoppedAt)}`)
  const backAt = performance.now()
  await until(() => source()?.state === 'live', 'the status to be live again')
  say(
    'status',
    `the source "etcd" is live again, noticed ${inWords(performance.now() - backAt)} later`,
    'good',
  )
  const { event, afterMs } = await seeChange(config, () => store.client.kv.put(discountKey, '30'))
  say(
    'swapped',
    `a write comes through again: revision ${event.revision}, ${inWords(afterMs)} after it was sent`,
    'good',
  )
  const { answers, failures } = await visitor.stop()
  sayMore(`${answers.length} requests from before the stop until now, ${failures.length} failed`)
  expectThat(failures.length === 0, `no request to fail: ${failures[0]}`)
  await expectPrice(url, '70.00 EUR')
}

async function expectPrice(url: string, price: string): Promise<void> {
  const answer = await ask(url)
  sayMore(`GET / → price ${answer.price}, revision ${answer.revision}`)
  expectThat(answer.price === price, `a price of ${price}`)
}

/** Writes and waits for the resulting change. Measures the time from before the write until the listener is notified. */
async function seeChange(config: ShopConfig, write: () => Promise<unknown>) {
  const startedAt = performance.now()
  // The answer to the write and the change are on their way at the same time.
  const changed = config.changed({ timeoutMs: 10_000 }).then((event) => ({ event, at: performance.now() }))
  const [{ event, at }] = await Promise.all([changed, write()])
  return { event, afterMs: at - startedAt }
}

function nextRejection(config: ShopConfig): Promise<RejectedEvent> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('nothing was rejected within 10 s')), 10_000)
    config.once('rejected', (event) => {
      clearTimeout(timer)
      resolve(event)
    })
  })
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + 30_000
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`waited 30 s for ${what}`)
    await sleep(5)
  }
}

function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected ${what}`)
}
