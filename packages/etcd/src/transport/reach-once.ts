import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { Reach } from './reach.ts'
import { unreachedError } from './stream-verdict.ts'

/** What a stream that is about to connect provides. */
export interface ReachOncePorts {
  readonly clock: Clock
  /** Returns an endpoint that is none of these. */
  pick(passed: ReadonlySet<Endpoint>): Endpoint | undefined
  onReady(endpoint: Endpoint): void
  onFailed(endpoint: Endpoint): void
  /** Every endpoint has failed. */
  onNobody(error: EtcdError): void
}

/** Connects for a call by this name, first to this endpoint: uses the first that connects, and tries each once. */
export function reachOnce(first: Endpoint, call: string, ports: ReachOncePorts): Reach {
  const failed = new Map<Endpoint, EtcdError>()
  const reach = new Reach({
    clock: ports.clock,
    pick: (waiting) => ports.pick(new Set([...waiting, ...failed.keys()])),
    pickAgain: (waiting) => ports.pick(waiting),
    onReady: (ready) => ports.onReady(ready),
    onFailed: (each, error) => {
      ports.onFailed(each)
      failed.set(each, error.with({ call }))
    },
    onNobody: () => void unreachedError(failed, call).then((error) => ports.onNobody(error)),
  })
  reach.start(first)
  return reach
}
