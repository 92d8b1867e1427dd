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
 * lists for itself, and then takes part in the reflector of the first one, so that the server sends each event once and it
 * is decoded once.
 */
export function followShared(client: EtcdClient, following: Following): Reflector {
  const { ranges, options } = following
  const ofClient = sharedReflectors.get(client) ?? new Map<string, SharedReflector>()
  sharedReflectors.set(client, ofClient)
  const id = JSON.stringify([ranges, options.pageSize, options.proofEveryMs])
  const shared = ofClient.get(id)
  if (shared !== undefined) return new Latecomer(client, () => ofClient.get(id), following)
  const first = new SharedReflector(client, following, () => {
    if (ofClient.get(id) === first) ofClient.delete(id)
  })
  ofClient.set(id, first)
  return first.join(following, { revision: 0, epoch: 0 })
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
  readonly #onOver: () => void
  /** A list was delivered, and the next one has not begun. */
  #isFollowing = false
  /** A member of the cluster serves the watch. */
  #isInContact = false

  constructor(client: EtcdClient, { ranges, options }: Following, onOver: () => void) {
    this.#onOver = onOver
    this.#reflector = client.watch.reflect(ranges, this.#handlers(), options)
  }

  /** Whether a source that has everything up to a revision would miss nothing here. */
  canJoin(revision: number): boolean {
    return (
      this.#isFollowing && this.#isInContact && this.#members.size > 0 && this.#reflector.revision <= revision
    )
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
    call(member, (handlers) => handlers.onEnd?.())
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
      onEnd: () => {
        this.#isFollowing = false
        this.#onOver()
        const members = [...this.#members]
        this.#members.clear()
        for (const member of members) call(member, (handlers) => handlers.onEnd?.())
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
 * A source that comes when a reflector of the same ranges is there already. It lists by a reflector of its own, and joins
 * the other one as soon as it has everything that was delivered there, which mostly is at once.
 */
class Latecomer implements Reflector {
  readonly #find: () => SharedReflector | undefined
  readonly #following: Following
  readonly #own: Reflector
  #joined: Reflector | undefined

  constructor(client: EtcdClient, find: () => SharedReflector | undefined, following: Following) {
    this.#find = find
    this.#following = following
    this.#own = client.watch.reflect(following.ranges, this.#handlers(), following.options)
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

  get #current(): Reflector {
    return this.#joined ?? this.#own
  }

  #handlers(): Required<ReflectorHandlers> {
    const { handlers } = this.#following
    return {
      onListing: () => handlers.onListing?.(),
      onPage: (index, page) => handlers.onPage(index, page),
      onWhole: async (list) => handlers.onWhole?.(list),
      onList: (list) => {
        handlers.onList(list)
        this.#join()
      },
      onBatch: (batch) => {
        handlers.onBatch(batch)
        this.#join()
      },
      onProgress: (progress) => {
        handlers.onProgress?.(progress)
        this.#join()
      },
      onContact: () => handlers.onContact?.(),
      onLost: (error, isFinal) => handlers.onLost?.(error, isFinal),
      onEnd: () => {
        if (this.#joined === undefined) handlers.onEnd?.()
      },
    }
  }

  #join(): void {
    const { revision, epoch } = this.#own
    const shared = this.#joined === undefined ? this.#find() : undefined
    if (shared === undefined || !shared.canJoin(revision)) return
    this.#joined = shared.join(this.#following, { revision, epoch })
    this.#own.cancel()
    // Its own watch may not have been served yet, and this one is.
    this.#following.handlers.onContact?.()
  }
}
