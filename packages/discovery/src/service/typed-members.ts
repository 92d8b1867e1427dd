import { readMetadata, type ServiceDefinition } from '../define-service.ts'
import { ServiceEndpoint, type StoredRecord } from '../view/endpoint.ts'
import type { Member } from '../view/member.ts'
import type { ServiceCore } from './service-core.ts'
import { deepFrozen } from '../deep-frozen.ts'

/** The endpoints of a member for one definition; shared by everything that uses it. */
export class TypedMembers<Metadata> {
  readonly #core: ServiceCore
  readonly #definition: ServiceDefinition<unknown, Metadata>
  readonly #endpoints = new WeakMap<StoredRecord, ServiceEndpoint<Metadata> | { readonly problem: string }>()

  constructor(core: ServiceCore, definition: ServiceDefinition<unknown, Metadata>) {
    this.#core = core
    this.#definition = definition
  }

  /** The endpoint of a member; undefined if its metadata does not fit. */
  endpointOf(member: Member): ServiceEndpoint<Metadata> | undefined {
    const read = this.#read(member)
    return read instanceof ServiceEndpoint ? read : undefined
  }

  problemOf(member: Member): string | undefined {
    const read = this.#read(member)
    return read instanceof ServiceEndpoint ? undefined : read.problem
  }

  #read(member: Member): ServiceEndpoint<Metadata> | { readonly problem: string } {
    const { stored } = member
    const known = this.#endpoints.get(stored)
    if (known !== undefined) return known
    const metadata = readMetadata(this.#definition, stored.record.labels)
    const read =
      metadata.type === 'invalid'
        ? { problem: metadata.problem }
        : new ServiceEndpoint(
            this.#core.service,
            this.#definition.protocol,
            stored,
            deepFrozen(metadata.value),
            {
              load: member.load,
              isUnconfirmed: () => member.isUnconfirmed,
              now: () => this.#core.now(),
            },
          )
    this.#endpoints.set(stored, read)
    return read
  }
}
