import { type Admin, AdminError, type AdminTree } from '@livetree/admin'
import { TreeIndex } from './tree-index.ts'
import { leavesOf, type SchemaLeaf } from '@livetree/core/tools'
import type { Access } from '../security/access.ts'

/** How long the tree is kept that nobody asks for, in milliseconds. */
const IDLE_MS = 60_000

/** How old the tree may be, in milliseconds: of files and of the environment nobody says when they change. */
const MOST_AGE_MS = 30_000

/** How many indexes are kept: one for each set of paths that users may see. */
const MOST_INDEXES = 8

/** How many of the newest revisions are kept with the time at which the watch reported them. */
const MOST_REPORTED = 100

/** A tree that was read, with its indexes. */
interface HeldTree {
  readonly tree: AdminTree<unknown>
  readonly at: number
  readonly indexes: Map<string, TreeIndex>
}

/** Who follows the store. */
export interface Follower {
  /** Called with the newest revision, at first and whenever the layers are written. */
  onRevision(revision: number): void
  /** Called when the store is away, with the time since when, in ms since the Unix epoch. `onRevision` says that it is back. */
  onAway(since: number): void
  /** Called once when the store cannot be followed any more. */
  onEnd(): void
}

/**
 * The newest tree, read once for everybody who asks for it. While somebody does, the store is watched; when it has moved, the next
 * one who asks has it read again.
 */
export class TreeWatch {
  readonly #admin: Admin<unknown>
  readonly #followers = new Set<Follower>()
  #schemaLeaves: readonly SchemaLeaf[] | undefined
  #held: HeldTree | undefined
  #reading: Promise<HeldTree> | undefined
  #watching: { readonly stop: AbortController; readonly started: Promise<void> } | undefined
  #newest = 0
  /** In ms since the Unix epoch; undefined: the store is there. */
  #awaySince: number | undefined
  /** The oldest first. Nothing says when the first one was written. */
  #reported: { readonly revision: number; readonly at: number | undefined }[] = []
  #idle: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(admin: Admin<unknown>) {
    this.#admin = admin
  }

  /** Places of the schema. */
  get schemaLeaves(): readonly SchemaLeaf[] {
    this.#schemaLeaves ??= leavesOf(this.#admin.definition)
    return this.#schemaLeaves
  }

  /**
   * The newest tree.
   *
   * @param least a revision that it must have got to, such as that of a write
   * @throws AdminError
   */
  async tree(least = 0): Promise<AdminTree<unknown>> {
    return (await this.#current(least)).tree
  }

  /** The newest revision. @throws AdminError */
  async newest(): Promise<number> {
    await this.#watch()
    this.#restIfIdle()
    return this.#newest
  }

  /** When the watch reported a write, in ms since the Unix epoch; undefined: the write is older than the watch. */
  reportedAt(revision: number): number | undefined {
    return this.#reported.find((reported) => reported.revision >= revision)?.at
  }

  /** The newest tree, and what of it a user may see. @throws AdminError */
  async index(access: Access): Promise<{ readonly tree: AdminTree<unknown>; readonly index: TreeIndex }> {
    const { tree, indexes } = await this.#current(0)
    const known = indexes.get(access.scope)
    if (known !== undefined) return { tree, index: known }
    const index = new TreeIndex(tree, this.schemaLeaves, access)
    const [oldest] = indexes.keys()
    if (indexes.size >= MOST_INDEXES && oldest !== undefined) indexes.delete(oldest)
    indexes.set(access.scope, index)
    return { tree, index }
  }

  /**
   * Lets somebody follow the store until the returned function is called.
   *
   * @throws AdminError where the store cannot be watched
   */
  async follow(follower: Follower): Promise<() => void> {
    await this.#watch()
    this.#followers.add(follower)
    this.#tell(follower)
    return () => {
      this.#followers.delete(follower)
      this.#restIfIdle()
    }
  }

  /** Ends the watch. Nothing begins another one. */
  close(): void {
    this.#isClosed = true
    this.#stop()
    clearTimeout(this.#idle)
  }

  async #current(least: number): Promise<HeldTree> {
    await this.#watch()
    this.#restIfIdle()
    const needed = Math.max(least, this.#newest)
    for (;;) {
      const held = this.#held
      const isYoung = held !== undefined && performance.now() - held.at < MOST_AGE_MS
      if (isYoung && held.tree.revision >= needed) return held
      const read = await this.#read()
      if (read.tree.revision >= needed) return read
    }
  }

  /** Everybody who asks while the tree is read gets that reading. */
  #read(): Promise<HeldTree> {
    this.#reading ??= this.#admin
      .read()
      .then((tree) => {
        this.#held = { tree, at: performance.now(), indexes: new Map() }
        return this.#held
      })
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  /** Watches the store, unless that is done already. Resolves once the newest revision is known. */
  #watch(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new AdminError('closed', { what: 'The console is closed' }))
    if (this.#watching !== undefined) return this.#watching.started
    const stop = new AbortController()
    const { promise: started, resolve, reject } = Promise.withResolvers<void>()
    this.#watching = { stop, started }
    const onContact = (isThere: boolean) => {
      if (stop.signal.aborted) return
      this.#awaySince = isThere ? undefined : Date.now()
      for (const follower of this.#followers) this.#tell(follower)
    }
    const run = async () => {
      for await (const revision of this.#admin.revisions({ signal: stop.signal, onContact })) {
        this.#newest = Math.max(this.#newest, revision)
        this.#report(this.#newest)
        resolve()
        for (const follower of this.#followers) this.#tell(follower)
      }
    }
    run()
      .catch(reject)
      .finally(() => {
        if (this.#watching?.stop === stop) this.#stop()
      })
    return started
  }

  #tell(follower: Follower): void {
    if (this.#awaySince === undefined) follower.onRevision(this.#newest)
    else follower.onAway(this.#awaySince)
  }

  #report(revision: number): void {
    this.#reported.push({ revision, at: this.#reported.length === 0 ? undefined : Date.now() })
    if (this.#reported.length <= MOST_REPORTED) return
    const [, second, ...others] = this.#reported
    if (second !== undefined) this.#reported = [{ ...second, at: undefined }, ...others]
  }

  /** Where a watch has ended, the next one who asks begins another: a store that was replaced starts with other revisions. */
  #stop(): void {
    this.#watching?.stop.abort()
    this.#watching = undefined
    this.#held = undefined
    this.#newest = 0
    this.#awaySince = undefined
    this.#reported = []
    const followers = [...this.#followers]
    this.#followers.clear()
    for (const follower of followers) follower.onEnd()
  }

  #restIfIdle(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (this.#followers.size === 0) this.#stop()
    }, IDLE_MS)
    this.#idle.unref()
  }
}
