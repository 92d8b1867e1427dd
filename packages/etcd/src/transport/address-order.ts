import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { sharedLookup } from './shared-lookup.ts'

/** Bounds what is remembered, because a name may get new addresses without end. */
const MOST_REMEMBERED = 100

/**
 * The addresses of one endpoint, in the order in which they are tried: a name may stand for several members. Node takes the
 * next one where nobody accepts a connection, but stays with one that accepts and does not answer, or is not etcd.
 */
export class AddressOrder {
  /** Addresses over which a connection failed, the latest last. */
  readonly #failed: string[] = []

  /** Looks up a host name. Addresses that failed come last, the latest at the end. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    sharedLookup(host, options, (error, found, family) => {
      if (error !== null || typeof found === 'string') callback(error, found, family)
      else callback(null, this.#ordered(found))
    })
  }

  /** Records that a connection to this address failed after it was accepted. */
  failed(address: string | undefined): void {
    if (address === undefined) return
    const index = this.#failed.indexOf(address)
    if (index !== -1) this.#failed.splice(index, 1)
    this.#failed.push(address)
    if (this.#failed.length > MOST_REMEMBERED) this.#failed.shift()
  }

  #ordered(found: readonly LookupAddress[]): LookupAddress[] {
    const place = ({ address }: LookupAddress) => this.#failed.indexOf(address)
    return found.toSorted((one, other) => place(one) - place(other))
  }
}
