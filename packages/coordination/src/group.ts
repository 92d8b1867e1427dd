import type { Bytes, EtcdClient } from '@livetree/etcd'
import { CallerWait, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import {
  BYTES,
  checkArgument,
  checkName,
  KEY_PART,
  type OptionChecks,
  readOptions,
} from './check-argument.ts'
import { leave } from './contend.ts'
import { CoordinationError } from './errors.ts'
import { type Held, HeldKey } from './held.ts'
import { InOrder } from './in-order.ts'
import { isDirectChild } from './key-queue.ts'
import type { KeptChange } from './kept-range.ts'
import { OwnKey } from './own-key.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'
import { RangeView, type View, VIEW_CHECKS, type ViewOptions } from './view.ts'

/** Options of `joinGroup`. */
export interface JoinOptions extends WaitOptions {
  /** The name in the group, without a slash. Default: the id of the lease. */
  readonly id?: string
  /** What the others see of this member. Default: empty. */
  readonly value?: Bytes
}

const JOIN_CHECKS: OptionChecks<JoinOptions> = { ...WAIT_CHECKS, id: KEY_PART, value: BYTES }

/** The place of this process in a group, until it leaves or its session ends. */
export interface Membership extends Held {
  readonly id: string
  /**
   * Replaces the value that the others see. Calls take effect in their order.
   *
   * @throws CoordinationError `lock_lost`, `session_lost`, `closed`; EtcdError `outcome_unknown` if an answer was lost before
   * the membership ended; EtcdError if etcd refuses
   */
  update(value: Bytes): Promise<void>
  /** As `release`: leaves the group. */
  leave(options?: WaitOptions): Promise<void>
}

/** One member, as a group shows it. */
export interface Member {
  readonly id: string
  readonly key: string
  /** The create revision of the key: members that joined earlier have a lower one. */
  readonly token: number
  readonly lease: bigint
  readonly value: Buffer
}

/** The live list of the members of a group. */
export interface Group extends View {
  /** In the order in which they joined. */
  readonly members: readonly Member[]
}

/**
 * Joins a group.
 *
 * @throws CoordinationError `member_exists` if a member has this id, `invalid_argument`, `cancelled`, `deadline_exceeded`,
 * `session_lost`, `closed`; EtcdError if etcd refuses
 */
export async function joinGroup(session: Session, name: string, options?: JoinOptions): Promise<Membership> {
  checkName(name)
  const owner = openedSession(session)
  const { id, value = '', ...limits } = readOptions('joinGroup', JOIN_CHECKS, options)
  owner.assertOpen()
  const prefix = `${name}/`
  const own = new OwnKey(owner, {
    key: keyOf(owner, prefix, id),
    value,
    canReattach: true,
    isShared: id !== undefined,
  })
  using wait = new CallerWait(`joining ${name}`, limits, own)
  try {
    wait.signal.throwIfAborted()
    const { token } = await wait.race(own.create([]))
    if (token === 0) throw exists(own.key)
    return new KeyMembership(own, own.key.slice(prefix.length))
  } catch (error) {
    throw await leave(own, error)
  }
}

function keyOf(session: OpenSession, prefix: string, id: string | undefined): string {
  if (id === undefined) return session.names.take(prefix)
  if (session.names.takeGiven(`${prefix}${id}`)) return `${prefix}${id}`
  throw exists(`${prefix}${id}`)
}

function exists(key: string): CoordinationError {
  return new CoordinationError('member_exists', { what: `there is a member with the key ${key}` })
}

/**
 * Opens a live view of a group, complete when it resolves.
 *
 * @throws CoordinationError `invalid_argument`, `cancelled`, `deadline_exceeded`; EtcdError if etcd refuses
 */
export async function openGroup(client: EtcdClient, name: string, options?: ViewOptions): Promise<Group> {
  checkName(name)
  const { logger, ...limits } = readOptions('openGroup', VIEW_CHECKS, options)
  const view = new MembersView(client, name, `${name}/`, logger)
  await view.opened(limits)
  return view
}

class KeyMembership extends HeldKey implements Membership {
  readonly id: string
  readonly #updates = new InOrder()

  constructor(own: OwnKey, id: string) {
    super(own)
    this.id = id
  }

  async update(value: Bytes): Promise<void> {
    checkArgument('the value', BYTES, value)
    const copy = Buffer.from(value as string)
    this.throwIfLost()
    await this.#updates.run(async () => {
      this.throwIfLost()
      await this.own.write(copy)
    })
  }

  async leave(options?: WaitOptions): Promise<void> {
    await this.release(options)
  }
}

class MembersView extends RangeView implements Group {
  readonly #prefix: string
  #members: readonly Member[] = []

  constructor(client: EtcdClient, name: string, prefix: string, logger: ViewOptions['logger']) {
    super(client, name, { prefix }, logger)
    this.#prefix = prefix
  }

  get members(): readonly Member[] {
    return this.#members
  }

  protected override apply(_changes: readonly KeptChange[]): void {
    this.#members = [...this.range.entries]
      .map((entry) => ({ key: entry.key.toString(), entry }))
      .filter(({ key }) => isDirectChild(key, this.#prefix))
      .map(({ key, entry: { createRevision, lease, value } }) => ({
        id: key.slice(this.#prefix.length),
        key,
        token: createRevision,
        lease,
        value,
      }))
      .sort((a, b) => a.token - b.token)
  }
}
