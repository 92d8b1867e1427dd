import { AlarmType } from '@livetree/etcd/wire'
import { ETCD_ERROR } from './status.ts'

/** An alarm that is up, and the member it was raised for; 0n is a member too, one that nobody named. */
export interface Alarm {
  readonly memberId: bigint
  /** `noSpace` or `corrupt` of `AlarmType`. */
  readonly alarm: number
}

/** What is refused: nothing, what takes room, or every write. */
type Restriction = 'none' | 'noSpace' | 'corrupt'

function restrictionOf(alarm: number): Restriction {
  return alarm === AlarmType.corrupt ? 'corrupt' : 'noSpace'
}

function isKnown(alarm: number): boolean {
  return alarm === AlarmType.noSpace || alarm === AlarmType.corrupt
}

/**
 * The alarms of all members: a single one refuses writes on every member. As in etcd, the first alarm of a kind sets
 * which writes are refused, and the last one of a kind to be taken back lets all pass, whatever other kind is up, until
 * the next start.
 */
export class Alarms {
  #up: readonly Alarm[] = []
  #restriction: Restriction = 'none'

  /** Takes up what an earlier process left. Of two kinds the stricter one holds. */
  restore(alarms: readonly Alarm[]): void {
    this.#up = alarms
    const kinds = alarms.map(({ alarm }) => restrictionOf(alarm))
    this.#restriction = kinds.find((kind) => kind === 'corrupt') ?? kinds[0] ?? 'none'
  }

  /** Those that are up of a kind, or of every kind when it is `none`. */
  list(kind: number = AlarmType.none): readonly Alarm[] {
    return this.#up.filter(({ alarm }) => kind === AlarmType.none || alarm === kind)
  }

  /** Raises an alarm and says which are then up of those asked for: none when there is no such kind. */
  activate(asked: Alarm): readonly Alarm[] {
    if (!isKnown(asked.alarm)) return []
    if (this.#has(asked)) return [asked]
    if (!this.#hasKind(asked.alarm)) this.#restriction = restrictionOf(asked.alarm)
    this.#up = [...this.#up, asked]
    return [asked]
  }

  /** Takes an alarm back and says which was. */
  deactivate(asked: Alarm): readonly Alarm[] {
    if (!this.#has(asked)) return []
    this.#up = this.#up.filter(({ memberId, alarm }) => memberId !== asked.memberId || alarm !== asked.alarm)
    if (!this.#hasKind(asked.alarm)) this.#restriction = 'none'
    return [asked]
  }

  /** False while the alarm `corrupt` refuses every write. */
  get isWritable(): boolean {
    return this.#restriction !== 'corrupt'
  }

  /** @throws StatusError `corrupt` when no write may pass */
  assertWritable(): void {
    if (!this.isWritable) throw ETCD_ERROR.corrupt()
  }

  /** Throws `noSpace` or `corrupt` when nothing may be added. */
  assertRoom(): void {
    this.assertWritable()
    if (this.#restriction === 'noSpace') throw ETCD_ERROR.noSpace()
  }

  #hasKind(kind: number): boolean {
    return this.#up.some(({ alarm }) => alarm === kind)
  }

  #has({ memberId, alarm }: Alarm): boolean {
    return this.#up.some((each) => each.memberId === memberId && each.alarm === alarm)
  }
}

/** How etcd names a kind of alarm. */
export function alarmName(alarm: number): string {
  return alarm === AlarmType.corrupt ? 'CORRUPT' : 'NOSPACE'
}
