import { AlarmType } from '@livetree/etcd/wire'
import { ETCD_ERROR } from './status.ts'

/** An alarm with the member it was raised for; 0n stands for no particular member. */
export interface Alarm {
  readonly memberId: bigint
  /** `noSpace` or `corrupt` of `AlarmType`. */
  readonly alarm: number
}

/** Which writes are refused: none, those that need space, or all. */
type Restriction = 'none' | 'noSpace' | 'corrupt'

function restrictionOf(alarm: number): Restriction {
  return alarm === AlarmType.corrupt ? 'corrupt' : 'noSpace'
}

function isKnown(alarm: number): boolean {
  return alarm === AlarmType.noSpace || alarm === AlarmType.corrupt
}

/**
 * The alarms of all members. A single alarm refuses writes on every member. As in etcd, the first alarm of a
 * kind decides which writes are refused, and disarming the last one of a kind admits all writes until the
 * next start, even if alarms of another kind are still raised.
 */
export class Alarms {
  #up: readonly Alarm[] = []
  #restriction: Restriction = 'none'

  /** Restores the alarms of an earlier process. If both kinds are raised, the stricter one applies. */
  restore(alarms: readonly Alarm[]): void {
    this.#up = alarms
    const kinds = alarms.map(({ alarm }) => restrictionOf(alarm))
    this.#restriction = kinds.find((kind) => kind === 'corrupt') ?? kinds[0] ?? 'none'
  }

  /** The raised alarms of a kind, or of every kind for `none`. */
  list(kind: number = AlarmType.none): readonly Alarm[] {
    return this.#up.filter(({ alarm }) => kind === AlarmType.none || alarm === kind)
  }

  /** Raises an alarm and returns it; nothing for an unknown kind. */
  activate(asked: Alarm): readonly Alarm[] {
    if (!isKnown(asked.alarm)) return []
    if (this.#has(asked)) return [asked]
    if (!this.#hasKind(asked.alarm)) this.#restriction = restrictionOf(asked.alarm)
    this.#up = [...this.#up, asked]
    return [asked]
  }

  /** Disarms an alarm and returns it if it was raised. */
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

  /** @throws StatusError `corrupt` while no write is permitted */
  assertWritable(): void {
    if (!this.isWritable) throw ETCD_ERROR.corrupt()
  }

  /** @throws StatusError `noSpace` or `corrupt` while nothing may be added */
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

/** etcd's name of a kind of alarm. */
export function alarmName(alarm: number): string {
  return alarm === AlarmType.corrupt ? 'CORRUPT' : 'NOSPACE'
}
