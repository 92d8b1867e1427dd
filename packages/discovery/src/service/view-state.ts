import type { ServiceDefinition } from '../define-service.ts'
import { Listeners } from '../listeners.ts'
import type { Reports } from '../reports.ts'
import type { Endpoint, Health } from '../view/endpoint.ts'
import type { Member } from '../view/member.ts'
import type { MemberChange } from '../view/member-set.ts'
import type { ServiceEvents, ServiceStatus } from '../view/service-status.ts'
import type { Rejection } from '../view/service-watch.ts'
import type { ServiceCore } from './service-core.ts'
import { TypedMembers } from './typed-members.ts'
import { deepFrozen } from '../deep-frozen.ts'

/** Follows the members of a service and tells the listeners of one view about them. */
export class ViewState<Metadata> {
  readonly typed: TypedMembers<Metadata>
  readonly listeners: Listeners<ServiceEvents<Metadata>>
  readonly #core: ServiceCore
  readonly #known = new Map<Member, Endpoint<Metadata>>()
  /** The rejections of members whose metadata does not fit this definition. */
  readonly #unfit = new Map<Member, Rejection>()
  #endpoints: readonly Endpoint<Metadata>[] | undefined
  readonly release: () => void

  constructor(core: ServiceCore, definition: ServiceDefinition<unknown, Metadata>, reports: Reports) {
    this.#core = core
    this.typed = new TypedMembers(core, definition)
    this.listeners = new Listeners((error) => reports.warn('A listener of a service has failed', { error }))
    for (const member of core.watch.members.values()) this.#follow(member)
    this.release = core.use({
      onChange: (change, revision) => this.#take(change, revision),
      onState: (state) => this.listeners.emit(state, undefined),
      onRejected: (rejection) => this.listeners.emit('rejected', rejection),
    })
  }

  /** Adds a listener; one of `rejected` is notified asynchronously of the records that are left out already. */
  on<Name extends keyof ServiceEvents<Metadata>>(
    event: Name,
    listener: (event: ServiceEvents<Metadata>[Name]) => unknown,
  ): () => void {
    let isRemoved = false
    const remove = this.listeners.on(event, (given) => (isRemoved ? undefined : listener(given)))
    if (event === 'rejected') {
      const left = [...this.#core.watch.rejections, ...this.#unfit.values()]
      queueMicrotask(() => {
        for (const rejection of left)
          if (!isRemoved) this.listeners.call(listener, rejection as ServiceEvents<Metadata>[Name])
      })
    }
    return () => {
      isRemoved = true
      remove()
    }
  }

  get endpoints(): readonly Endpoint<Metadata>[] {
    this.#endpoints ??= Object.freeze(
      [...this.#core.watch.members.values()].flatMap((member) => this.typed.endpointOf(member) ?? []),
    )
    return this.#endpoints
  }

  status(isClosed: boolean, isPanicking: boolean): ServiceStatus {
    const { watch } = this.#core
    const counts: Record<Health, number> = { ready: 0, ejected: 0, unconfirmed: 0, draining: 0 }
    for (const { health } of this.endpoints) counts[health] += 1
    return {
      state: isClosed ? 'closed' : watch.state,
      revision: watch.revision,
      ...(watch.provenAt === undefined ? {} : { provenAt: watch.provenAt }),
      staleForMs: Math.round(watch.staleForMs),
      isProtected: counts.unconfirmed > 0,
      isPanicking,
      counts,
    }
  }

  /** What has changed for this definition: a record may have become valid or invalid for it. */
  #take(change: MemberChange, revision: number): void {
    this.#endpoints = undefined
    const result = {
      added: [] as Endpoint<Metadata>[],
      removed: [] as Endpoint<Metadata>[],
      changed: [] as Endpoint<Metadata>[],
    }
    for (const member of change.removed) {
      const before = this.#known.get(member)
      this.#known.delete(member)
      this.#unfit.delete(member)
      if (before !== undefined) result.removed.push(before)
    }
    for (const member of [...change.added, ...change.changed]) {
      const before = this.#known.get(member)
      const after = this.#follow(member)
      if (after !== undefined) (before === undefined ? result.added : result.changed).push(after)
      else if (before !== undefined) result.removed.push(before)
    }
    const { added, removed, changed } = result
    if (added.length + removed.length + changed.length === 0) return
    this.listeners.emit('change', deepFrozen({ revision, added, removed, changed }))
  }

  #follow(member: Member): Endpoint<Metadata> | undefined {
    const endpoint = this.typed.endpointOf(member)
    if (endpoint !== undefined) {
      this.#known.set(member, endpoint)
      this.#unfit.delete(member)
      return endpoint
    }
    this.#known.delete(member)
    const { key, modRevision } = member.stored
    const before = this.#unfit.get(member)
    const problem = this.typed.problemOf(member) ?? 'the metadata is invalid'
    const rejection = deepFrozen({ key, modRevision, problem })
    this.#unfit.set(member, rejection)
    if (before?.modRevision === modRevision) return undefined
    // Other definitions may accept it, so only this view's listeners are called.
    this.#core.report(rejection)
    this.listeners.emit('rejected', rejection)
    return undefined
  }
}
