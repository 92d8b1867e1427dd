import { Member } from './member.ts'
import type { StoredRecord } from './endpoint.ts'
import { Protection, type ProtectionOptions } from './protection.ts'

/** A change of a key: its record, or undefined if it is absent or not readable. */
export interface RecordChange {
  readonly key: string
  readonly stored: StoredRecord | undefined
}

/** What one revision has changed. `changed` holds members whose record or confirmation is another one. */
export interface MemberChange {
  readonly added: readonly Member[]
  readonly removed: readonly Member[]
  readonly changed: readonly Member[]
}

/** Ids that were members before are warm; at most this number of them are remembered. */
const MOST_KNOWN_IDS = 10_000

/**
 * The members of a service by address. If several keys have one address, the one created last counts: a restarted instance
 * beside its own ghost.
 */
export class MemberSet {
  readonly #options: ProtectionOptions
  readonly #protection: Protection
  readonly #byKey = new Map<string, StoredRecord>()
  readonly #keysByAddress = new Map<string, Set<string>>()
  readonly #members = new Map<string, Member>()
  readonly #knownIds = new Set<string>()
  #isFirstList = true

  constructor(options: ProtectionOptions) {
    this.#options = options
    this.#protection = new Protection(options)
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members
  }

  /** Replaces everything by a complete list. */
  replace(records: readonly StoredRecord[], now: number): MemberChange {
    const listed = new Set(records.map(({ key }) => key))
    const gone = [...this.#byKey.keys()].filter((key) => !listed.has(key))
    const change = this.apply(
      [
        ...gone.map((key) => ({ key, stored: undefined })),
        ...records.map((stored) => ({ key: stored.key, stored })),
      ],
      now,
    )
    this.#isFirstList = false
    return change
  }

  /** Applies the changes of one revision. */
  apply(changes: readonly RecordChange[], now: number): MemberChange {
    const touched = new Set<string>()
    for (const { key, stored } of changes) {
      const before = this.#byKey.get(key)
      if (before !== undefined) this.#unlink(before, touched)
      if (stored !== undefined) this.#link(stored, touched)
    }
    const result = { added: [] as Member[], removed: [] as Member[], changed: [] as Member[] }
    const vanished: Member[] = []
    const readyBefore = this.#readyCount
    for (const address of touched) {
      const winner = this.#winnerOf(address)
      const member = this.#members.get(address)
      if (winner !== undefined) this.#put(address, winner, member, now, result)
      else if (member !== undefined && !member.isUnconfirmed) vanished.push(member)
    }
    this.#remove(vanished, readyBefore, now, result)
    return result
  }

  /** Drops unconfirmed members whose time is over. Returns them. */
  expire(now: number): Member[] {
    const { confirmMs } = this.#options
    const late = [...this.#members.values()].filter(
      ({ unconfirmedSince }) => unconfirmedSince !== undefined && now - unconfirmedSince >= confirmMs,
    )
    for (const member of late) this.#members.delete(member.address)
    return late
  }

  /** Lets the time of unconfirmed members begin again, after a time in which the store could say nothing. */
  restartConfirmation(now: number): void {
    for (const member of this.#members.values()) if (member.isUnconfirmed) member.unconfirmedSince = now
  }

  /** When the next unconfirmed member is dropped; undefined if there is none. */
  get nextExpiry(): number | undefined {
    let next: number | undefined
    for (const { unconfirmedSince } of this.#members.values()) {
      if (unconfirmedSince !== undefined)
        next = Math.min(next ?? Infinity, unconfirmedSince + this.#options.confirmMs)
    }
    return next
  }

  /** Drops an unconfirmed member that could not be connected to. Returns whether it did. */
  drop(member: Member): boolean {
    if (!member.isUnconfirmed || this.#members.get(member.address) !== member) return false
    return this.#members.delete(member.address)
  }

  get #readyCount(): number {
    let count = 0
    for (const { isReady } of this.#members.values()) if (isReady) count += 1
    return count
  }

  #link(stored: StoredRecord, touched: Set<string>): void {
    const { address } = stored.record
    const keys = this.#keysByAddress.get(address) ?? new Set()
    this.#keysByAddress.set(address, keys.add(stored.key))
    this.#byKey.set(stored.key, stored)
    touched.add(address)
  }

  #unlink({ key, record: { address } }: StoredRecord, touched: Set<string>): void {
    const keys = this.#keysByAddress.get(address)
    keys?.delete(key)
    if (keys?.size === 0) this.#keysByAddress.delete(address)
    this.#byKey.delete(key)
    touched.add(address)
  }

  #winnerOf(address: string): StoredRecord | undefined {
    let winner: StoredRecord | undefined
    for (const key of this.#keysByAddress.get(address) ?? []) {
      const stored = this.#byKey.get(key)
      if (stored !== undefined && stored.createRevision >= (winner?.createRevision ?? 0)) winner = stored
    }
    return winner
  }

  #put(
    address: string,
    stored: StoredRecord,
    member: Member | undefined,
    now: number,
    { added, removed, changed }: { added: Member[]; removed: Member[]; changed: Member[] },
  ): void {
    this.#protection.noteAdded(address)
    if (member !== undefined && member.id === stored.record.id) {
      const isSame = !member.isUnconfirmed && isSameRecord(member.stored, stored)
      member.stored = stored
      member.unconfirmedSince = undefined
      if (!isSame) changed.push(member)
      return
    }
    if (member !== undefined) removed.push(member)
    const isWarm = this.#isFirstList || this.#knownIds.has(stored.record.id)
    const next = new Member(stored, isWarm ? -Infinity : now)
    if (this.#knownIds.size >= MOST_KNOWN_IDS) this.#knownIds.clear()
    this.#knownIds.add(next.id)
    this.#members.set(address, next)
    added.push(next)
  }

  #remove(
    vanished: readonly Member[],
    readyBefore: number,
    now: number,
    { removed, changed }: { removed: Member[]; changed: Member[] },
  ): void {
    const abrupt = vanished.filter(({ isLeaving }) => !isLeaving)
    const addresses = abrupt.map(({ address }) => address)
    const readyAfter = this.#readyCount - addresses.length
    const isBelieved =
      addresses.length === 0 || this.#protection.believes(addresses, readyBefore, readyAfter, now)
    for (const member of vanished) {
      if (isBelieved || member.isLeaving) {
        this.#members.delete(member.address)
        removed.push(member)
      } else {
        member.unconfirmedSince = now
        changed.push(member)
      }
    }
  }
}

/** Equal in everything but revisions and lease: a registration that was repeated. */
function isSameRecord(one: StoredRecord, other: StoredRecord): boolean {
  return one.key === other.key && JSON.stringify(one.record) === JSON.stringify(other.record)
}
