import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { amount } from './amount.ts'
import { type Timing, timing } from './measure.ts'

const ENDPOINTS = amount(5_000, 50)
const script = fileURLToPath(new URL('./view-memory.ts', import.meta.url))

/** What a view of many endpoints costs. */
export interface BigView {
  readonly endpoints: number
  readonly kibPerEndpoint: number
  /** From a put to the view's `change`. */
  readonly change: Timing
  /** From the same put to the event of a bare watch. */
  readonly event: Timing
  /** Among 1,000 endpoints. */
  readonly pick: Timing
}

/** Registers many endpoints and measures a view of them in a process of its own. */
export async function measureBigView(endpoint: string): Promise<BigView> {
  await using client = createEtcdClient({ endpoints: [endpoint] })
  for (const [service, count] of [
    ['big', ENDPOINTS],
    ['thousand', Math.min(ENDPOINTS, 1_000)],
  ] as const) {
    for (let index = 0; index < count; index++)
      await client.kv.put(`services/${service}/${index}`, recordOf(index))
  }
  const output = execFileSync(process.execPath, ['--expose-gc', script, endpoint, String(amount(200, 2))], {
    encoding: 'utf8',
  })
  const measured = JSON.parse(output) as {
    bytes: number
    changeMs: number[]
    eventMs: number[]
    pickMs: number[]
  }
  return {
    endpoints: ENDPOINTS,
    kibPerEndpoint: measured.bytes / ENDPOINTS / 1_024,
    change: timing(`a change in a view of ${ENDPOINTS.toLocaleString('en')} endpoints`, measured.changeMs),
    event: timing('the event alone', measured.eventMs),
    pick: timing('a pick among 1,000 endpoints', measured.pickMs),
  }
}

function recordOf(index: number): string {
  const address = `10.${Math.floor(index / 250) % 250}.${index % 250}.1:8080`
  const metadata = { id: `instance-${index}`, protocol: 'http', zone: 'a', version: '1.2.3', weight: 100 }
  return JSON.stringify({ Op: 0, Addr: address, Metadata: JSON.stringify(metadata) })
}
