import { EndpointLoad } from '../balance/endpoint-load.ts'
import type { Target } from '../balance/plan.ts'
import type { StoredRecord } from './endpoint.ts'

/** One address of a service: the newest record of it, and what the balancer knows. */
export class Member implements Target {
  readonly load: EndpointLoad
  stored: StoredRecord
  /** Since when the store has forgotten it without being believed, in ms of the monotonic clock. */
  unconfirmedSince: number | undefined

  constructor(stored: StoredRecord, startedAt: number) {
    this.stored = stored
    this.load = new EndpointLoad(startedAt)
  }

  get id(): string {
    return this.stored.record.id
  }

  get address(): string {
    return this.stored.record.address
  }

  get zone(): string | undefined {
    return this.stored.record.zone
  }

  get weight(): number {
    return this.stored.record.weight
  }

  /** It has announced its end. */
  get isLeaving(): boolean {
    return this.stored.record.isLeaving
  }

  get isUnconfirmed(): boolean {
    return this.unconfirmedSince !== undefined
  }

  /** Whether it may be chosen, but for ejection. */
  get isReady(): boolean {
    return !this.isUnconfirmed && !this.isLeaving
  }
}
