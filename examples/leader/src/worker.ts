import { setTimeout as sleep } from 'node:timers/promises'
import { type Leadership, runElection } from '@livetree/coordination'
import { createEtcdClient, EtcdError, op } from '@livetree/etcd'
import { Ledger, StaleTokenError } from './ledger.ts'

/**
 * One of several workers, of which only the leader writes invoices: `node src/worker.ts <name>`. It ends, and resigns,
 * on SIGTERM and SIGINT.
 */
const name = process.argv[2] ?? `worker-${process.pid}`
const { ETCD_ENDPOINTS = 'http://127.0.0.1:2379', LEDGER = 'ledger.db', WORK_MS = '1000' } = process.env
/** The number of the next invoice, in etcd. */
const NEXT = 'billing/next'

await using client = createEtcdClient({ endpoints: ETCD_ENDPOINTS.split(',') })
using ledger = new Ledger(LEDGER)
const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
const say = (what: string): void => console.log(`${name}: ${what}`)

say('waits')
const options = { value: name, ttlSeconds: 5, signal: stop.signal }
await runElection(client, 'elections/billing', options, async (leadership) => {
  say(`leads with token ${leadership.token}`)
  while (!leadership.signal.aborted) await writeInvoiceSafely(leadership)
  say('leads no more')
})
say('ends')

/** A step that fails is repeated by the next one, here or in the next leader: nothing of it is done twice. */
async function writeInvoiceSafely(leadership: Leadership): Promise<void> {
  try {
    await writeInvoice(leadership)
  } catch (error) {
    if (error instanceof StaleTokenError) say(`was refused by the ledger: ${error.message}`)
    else if (leadership.signal.aborted || error instanceof EtcdError) say(`failed: ${String(error)}`)
    else throw error
    await sleep(100)
  }
}

/**
 * A check whether it still leads would prove nothing, because the process may be paused right after it. So both writes
 * carry the proof: the ledger compares the token, and etcd compares the leader's key in the same transaction.
 */
async function writeInvoice(leadership: Leadership): Promise<void> {
  const number = Number((await client.kv.get(NEXT))?.text ?? 1)
  say(`works on invoice ${number}`)
  await sleep(Number(WORK_MS))
  ledger.book(number, name, leadership.token)
  await leadership.commit(op.put(NEXT, String(number + 1)))
  say(`wrote invoice ${number}`)
}
