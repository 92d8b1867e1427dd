import { assertKnown, assertMethods, LONGEST_MS, number } from './refuse-option.ts'

/** A number, or how it follows from the numbers of the same group that stand before it in the table. */
type Given = number | ((before: Readonly<Record<string, number>>) => number)

/** A numeric option with its bounds. `most`: default any number. */
export interface NumberOption {
  readonly type: 'number'
  readonly least: Given
  readonly most?: number
  readonly otherwise: Given
}

/** One option: how it is validated. */
export type OptionKind =
  | NumberOption
  /** An object that has these methods. */
  | { readonly type: 'port'; readonly methods: readonly string[] }
  /** An object with options of its own; `isCallable`: or a function that returns one. */
  | {
      readonly type: 'group'
      readonly options: Readonly<Record<string, OptionKind>>
      readonly isCallable?: true
    }
  /** Validated by the code that resolves it. */
  | { readonly type: 'value' }

/** Every option of `T`, in the order in which messages list them. */
export type OptionTable<T> = { readonly [K in keyof Required<T>]: OptionKind }

/** An option that the code that resolves it validates. */
export const VALUE = { type: 'value' } as const

/** Milliseconds for Node's timers. `least`: default 1. */
export function milliseconds(otherwise: Given, least: Given = 1) {
  return { type: 'number', least, most: LONGEST_MS, otherwise } as const
}

/**
 * Refuses unknown options in a group and in those it contains, groups that are no objects, and objects without the required
 * methods.
 *
 * @param group its path, empty for the options themselves
 * @throws EtcdError `invalid_option`
 */
export function assertOptions<T extends object>(group: string, table: OptionTable<T>, given: T): void {
  assertKnown(group, Object.keys(table), given ?? null)
  for (const [name, kind] of Object.entries<OptionKind>(table)) {
    const path = group === '' ? name : `${group}.${name}`
    const value = Reflect.get(given, name) as unknown
    if (value === undefined) continue
    if (kind.type === 'port') assertMethods(path, value, kind.methods)
    else if (kind.type === 'group' && !(kind.isCallable && typeof value === 'function'))
      assertOptions(path, kind.options, value as Readonly<Record<string, unknown>>)
  }
}

/** The names of the numeric options of a table. */
type NumericIn<T> = { [K in keyof T]: T[K] extends NumberOption ? K : never }[keyof T]

/**
 * The numeric options of a group, with their defaults filled in.
 *
 * @throws EtcdError `invalid_option` if one is outside its bounds
 */
export function numbersOf<T extends Readonly<Record<string, OptionKind>>>(
  group: string,
  table: T,
  given: object = {},
): Record<NumericIn<T>, number> {
  const numbers: Record<string, number> = {}
  const resolve = (each: Given): number => (typeof each === 'number' ? each : each(numbers))
  for (const [name, kind] of Object.entries(table)) {
    if (kind.type !== 'number') continue
    const { least, most, otherwise } = kind
    const bounds = { least: resolve(least), ...(most === undefined ? {} : { most }) }
    const path = group === '' ? name : `${group}.${name}`
    numbers[name] = number(path, Reflect.get(given, name), resolve(otherwise), bounds)
  }
  return numbers as Record<NumericIn<T>, number>
}
