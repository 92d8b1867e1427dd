import { setTimeout as sleep } from 'node:timers/promises'
import type { Discovery } from '@livetree/discovery'
import { type Dispatcher, request } from 'undici'
import { serviceName } from './services.ts'

/** Callers that send idempotent requests to all services, one after the other, until they are stopped. */
export class Callers {
  readonly failures: string[] = []
  answered = 0
  #isEnding = false
  readonly #running: Promise<void>[]

  /** `tasks` of them share a dispatcher. */
  constructor(discovery: Discovery, services: number, tasks: number) {
    const dispatcher = discovery.dispatcher()
    this.#running = Array.from({ length: tasks }, (_, task) => this.#call(dispatcher, services, task))
  }

  async end(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#running)
  }

  async #call(dispatcher: Dispatcher, services: number, task: number): Promise<void> {
    for (let count = task; !this.#isEnding; count += 1) {
      const service = serviceName(count % services)
      const put = { method: 'PUT', body: 'x'.repeat(200) } as const
      try {
        const { statusCode, body } = await request(`http://${service}.service/`, {
          dispatcher,
          ...(count % 2 === 0 ? put : {}),
        })
        await body.dump()
        if (statusCode === 200) this.answered += 1
        else this.failures.push(`${service}: status ${statusCode}`)
      } catch (error) {
        this.failures.push(`${service}: ${error instanceof Error ? error.message : error}`)
      }
      await sleep(Math.random() * 10)
    }
  }
}

/**
 * How long a slow answer counts against an instance, in milliseconds. The load is even over many times that: with the
 * default of ten seconds, one pause of a busy machine would decide over a whole sample.
 */
const DECAY_MS = 200

/** Sends requests to a service, and returns how many each instance has answered. */
export async function countAnswers(
  discovery: Discovery,
  service: string,
  requests: number,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const dispatcher = discovery.dispatcher({ policy: { default: { decayMs: DECAY_MS } } })
  let left = requests
  const call = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const { body } = await request(`http://${service}.service/`, { dispatcher })
      const id = await body.text()
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 16 }, call))
  return counts
}
