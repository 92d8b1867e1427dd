import { once } from 'node:events'
import { createDiscovery } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'

/**
 * Calls the service `orders` without pause, by GET and by POST, until its standard input ends: `node src/caller.ts`. It
 * prints once a second what it has done.
 */
const { ETCD_ENDPOINTS = 'http://127.0.0.1:2379' } = process.env
const CALLERS = 8

await using client = createEtcdClient({ endpoints: ETCD_ENDPOINTS.split(',') })
await using discovery = createDiscovery({ client })

const answers = new Map<string, number>()
let failed = 0
let isOver = false

async function call(method: 'GET' | 'POST'): Promise<void> {
  try {
    const body = method === 'POST' ? { body: 'an order' } : {}
    const answer = await discovery.fetch('http://orders.service/orders', { method, ...body })
    if (!answer.ok) throw new Error(`status ${answer.status}`)
    const { version, pid } = (await answer.json()) as { version: string; pid: number }
    const from = `version ${version}, process ${pid}`
    answers.set(from, (answers.get(from) ?? 0) + 1)
  } catch (error) {
    failed += 1
    console.log(`${method} failed:`, error)
  }
}

async function callOn(index: number): Promise<void> {
  for (let round = index; !isOver; round += 1) await call(round % 2 === 0 ? 'GET' : 'POST')
}

const total = (): number => failed + [...answers.values()].reduce((sum, count) => sum + count, 0)
const report = (): void => console.log(`${total()} requests, ${failed} failed`)
const timer = setInterval(report, 1_000)
const calling = Array.from({ length: CALLERS }, (_, index) => callOn(index))
await once(process.stdin.resume(), 'end')
isOver = true
await Promise.all(calling)
clearInterval(timer)
for (const [from, count] of answers) console.log(`${from}: ${count} answers`)
report()
