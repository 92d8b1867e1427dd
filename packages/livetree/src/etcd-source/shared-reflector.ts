import type { Logger } from '@livetree/core/source'
import type {
  EtcdClient,
  EtcdError,
  ReflectedList,
  ReflectedRanges,
  Reflector,
  ReflectorHandlers,
  ReflectorOptions,
} from '@livetree/etcd'

/** What a source follows through a reflector. */
export interface Following {
  readonly ranges: ReflectedRanges
  readonly handlers: ReflectorHandlers
  readonly options: ReflectorOptions
  /** For failures of the handlers. */
  readonly logger: Logger
}

/** The reflectors of each client that several sources may follow, by what they read. */
const sharedReflectors = new WeakMap<EtcdClient, Map<string, SharedReflector>>()

/**
 * Follows ranges as `client.watch.reflect` does. Sources that follow the same ranges on one client share one watch: each
 * lists for itself, and then takes part in the reflector that is shared, so that the server sends each event once and it
 * is decoded once. Where there is none, because the one that was shared has ended, the next one that is up to date is.
 */
export function followShared(client: EtcdClient, following: Following): Reflector {
  const { ranges, options } = following
  const ofClient = sharedReflectors.get(client) ?? new Map<string, SharedReflector>()
  sharedReflectors.set(client, ofClient)
  const id = JSON.stringify([ranges, options.pageSize, options.proofEveryMs])
  return new Follower(client, following, {
    shared: () => ofClient.get(id),
    offer: (reflector) => {
      if (!ofClient.has(id)) ofClient.set(id, reflector)
    },
    withdraw: (reflector) => {
      if (ofClient.get(id) === reflector) ofClient.delete(id)
    },
  })
}

/** The place of the one reflector that is shared of those of the same ranges. */
interface SharedPlace {
  shared(): SharedReflector | undefined
  /** Has no effect while there is another one. */
  offer(reflector: SharedReflector): void
  withdraw(reflector: SharedReflector): void
}

/** The position at which a member joins. */
interface Place {
  readonly revision: number
  readonly epoch: number
}

interface Member {
  readonly following: Following
  /** Everything up to this revision was delivered before it joined. */
  joinedAt: number
  /** Its epochs, counted from those of the reflector. */
  readonly epochOffset: number
}

/** One reflector for several sources, which are called one after the other. Ends with the last of them. */
class SharedReflector {
  readonly #members = new Set<Member>()
  readonly #reflector: Reflector
  readonly #onOver: (reflector: SharedReflector) => void
  /** A list was delivered, and the next one has not begun. */
  #isFollowing = false
  /** A member of the cluster serves the watch. */
  #isInContact = false

  constructor(
    client: EtcdClient,
    { ranges, options }: Following,
    onOver: (reflector: SharedReflector) => void,
  ) {
    this.#onOver = onOver
    this.#reflector = client.watch.reflect(ranges, this.#handlers(), options)
  }

  get hasMembers(): boolean {
    return this.#members.size > 0
  }

  /** Whether a source that has everything up to a revision would miss nothing here. */
  canJoin(revision: number): boolean {
    return this.#isFollowing && this.#isInContact && this.hasMembers && this.#reflector.revision <= revision
  }

  join(following: Following, place: Place): Reflector {
    const reflector = this.#reflector
    const member: Member = { following, joinedAt: place.revision, epochOffset: place.epoch - reflector.epoch }
    this.#members.add(member)
    return {
      get revision() {
        return Math.max(reflector.revision, member.joinedAt)
      },
      get epoch() {
        return reflector.epoch + member.epochOffset
      },
      refresh: (options) => reflector.refresh(options),
      cancel: () => this.#leave(member),
    }
  }

  #leave(member: Member): void {
    if (!this.#members.delete(member)) return
    if (this.#members.size === 0) this.#reflector.cancel()
    call(member, (handlers) => handlers.onEnd?.(undefined))
  }

  #handlers(): Required<ReflectorHandlers> {
    const each = (notify: (handlers: ReflectorHandlers, member: Member) => void) => {
      for (const member of [...this.#members]) {
        // One that was called before may have had others leave.
        if (this.#members.has(member)) call(member, (handlers) => notify(handlers, member))
      }
    }
    return {
      onListing: () => {
        this.#isFollowing = false
        each((handlers) => handlers.onListing?.())
      },
      onPage: (index, page) => each((handlers) => handlers.onPage(index, page)),
      onWhole: async (list) => {
        const members = [...this.#members]
        await Promise.all(
          members.map(async (member) => member.following.handlers.onWhole?.(listFor(member, list))),
        )
      },
      onList: (list) => {
        each((handlers, member) => {
          const own = listFor(member, list)
          member.joinedAt = 0
          handlers.onList(own)
        })
        this.#isFollowing = true
      },
      onBatch: (batch) =>
        each((handlers, { joinedAt }) => {
          if (batch.revision > joinedAt) handlers.onBatch(batch)
        }),
      onProgress: (progress) =>
        each((handlers, { joinedAt }) => {
          if (progress.revision >= joinedAt) handlers.onProgress?.(progress)
        }),
      onContact: () => {
        this.#isInContact = true
        each((handlers) => handlers.onContact?.())
      },
      onLost: (error: EtcdError | undefined, isFinal: boolean) => {
        this.#isInContact = false
        each((handlers) => handlers.onLost?.(error, isFinal))
      },
      onEnd: (error) => {
        this.#isFollowing = false
        this.#onOver(this)
        const members = [...this.#members]
        this.#members.clear()
        for (const member of members) call(member, (handlers) => handlers.onEnd?.(error))
      },
    }
  }
}

/** A list of the shared reflector as a member sees it. */
function listFor({ joinedAt, epochOffset }: Member, list: ReflectedList): ReflectedList {
  if (joinedAt === 0 && epochOffset === 0) return list
  const knownRevision = list.knownRevision === 0 ? 0 : Math.max(list.knownRevision, joinedAt)
  return Object.freeze({ ...list, epoch: list.epoch + epochOffset, knownRevision })
}

/** A handler that throws is reported, and the other members are not affected. */
function call(
  { following: { handlers, logger } }: Member,
  notify: (handlers: ReflectorHandlers) => void,
): void {
  try {
    notify(handlers)
  } catch (error) {
    logger.error('A handler of a shared reflector failed', { error })
  }
}

/**
 * One source. It lists by a reflector of its own, which is the shared one if there is no other; otherwise it joins that one
 * as soon as it has everything that was delivered there, which mostly is at once.
 */
class Follower implements Reflector {
  readonly #place: SharedPlace
  readonly #following: Following
  readonly #own: SharedReflector
  #current: Reflector
  #hasJoined = false

  constructor(client: EtcdClient, following: Following, place: SharedPlace) {
    this.#place = place
    this.#following = following
    const own = { ...following, handlers: this.#handlers() }
    this.#own = new SharedReflector(client, own, (reflector) => place.withdraw(reflector))
    this.#current = this.#own.join(own, { revision: 0, epoch: 0 })
    place.offer(this.#own)
  }

  get revision(): number {
    return this.#current.revision
  }

  get epoch(): number {
    return this.#current.epoch
  }

  async refresh(options?: { readonly signal?: AbortSignal }): Promise<void> {
    const current = this.#current
    try {
      await current.refresh(options)
    } catch (error) {
      // Its own reflector was cancelled, since it has joined the other one meanwhile.
      if (current === this.#current || options?.signal?.aborted === true) throw error
      await this.#current.refresh(options)
    }
  }

  cancel(): void {
    this.#current.cancel()
  }

  #handlers(): Required<ReflectorHandlers> {
    const { handlers } = this.#following
    return {
      onListing: () => handlers.onListing?.(),
      onPage: (index, page) => handlers.onPage(index, page),
      onWhole: async (list) => handlers.onWhole?.(list),
      onList: (list) => {
        handlers.onList(list)
        this.#share()
      },
      onBatch: (batch) => {
        handlers.onBatch(batch)
        this.#share()
      },
      onProgress: (progress) => {
        handlers.onProgress?.(progress)
        this.#share()
      },
      onContact: () => handlers.onContact?.(),
      onLost: (error, isFinal) => handlers.onLost?.(error, isFinal),
      onEnd: (error) => {
        if (!this.#hasJoined) handlers.onEnd?.(error)
      },
    }
  }

  /** Joins the reflector that is shared; without one, its own is from now on. */
  #share(): void {
    if (this.#hasJoined || !this.#own.hasMembers) return
    this.#place.offer(this.#own)
    const shared = this.#place.shared()
    const { revision, epoch } = this.#current
    if (shared === undefined || shared === this.#own || !shared.canJoin(revision)) return
    const own = this.#current
    this.#hasJoined = true
    this.#current = shared.join(this.#following, { revision, epoch })
    own.cancel()
    // Its own watch may not have been served yet, and this one is.
    this.#following.handlers.onContact?.()
  }
}
