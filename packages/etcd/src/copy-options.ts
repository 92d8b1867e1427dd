import type { OptionKind, OptionTable } from './option-table.ts'

type Group = Readonly<Record<string, unknown>>

/**
 * Reads every option of a table once, by its name, into a plain frozen object: also one that is not enumerable, or that a
 * getter or a prototype gives. Lists and bytes are copied, groups as well; ports and functions stay what they are. Options
 * that are `undefined` are left out, and names that the table does not have.
 */
export function copyOptions<T extends object>(table: OptionTable<T>, given: T): T {
  const copy: Record<string, unknown> = {}
  for (const [name, kind] of Object.entries<OptionKind>(table)) {
    const value: unknown = Reflect.get(given, name)
    const group = groupOf(kind, value)
    if (group !== undefined) copy[name] = copyOptions(group, value as Group)
    else if (value !== undefined) copy[name] = copyOf(value)
  }
  return Object.freeze(copy) as T
}

/**
 * Whether two copies by `copyOptions` hold the same: numbers, texts, bytes and lists of these by their content, and
 * whatever may hold more than it shows, such as a port or a function, only if it is one and the same.
 */
export function isSameOptions<T extends object>(table: OptionTable<T>, one: T, other: T): boolean {
  return Object.entries<OptionKind>(table).every(([name, kind]) => {
    const a: unknown = Reflect.get(one, name)
    const b: unknown = Reflect.get(other, name)
    const [group, others] = [groupOf(kind, a), groupOf(kind, b)]
    if (group === undefined || others === undefined) return isSame(a, b)
    return isSameOptions(group, a as Group, b as Group)
  })
}

/** The options of a group, if that is what was given. */
function groupOf(kind: OptionKind, value: unknown): OptionTable<Group> | undefined {
  const isGroup = kind.type === 'group' && typeof value === 'object' && value !== null
  return isGroup ? kind.options : undefined
}

function copyOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value)
  return Array.isArray(value) ? Object.freeze(value.map(copyOf)) : value
}

function isSame(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (Buffer.isBuffer(one)) return Buffer.isBuffer(other) && one.equals(other)
  return (
    Array.isArray(one) &&
    Array.isArray(other) &&
    one.length === other.length &&
    one.every((each, index) => isSame(each, other[index]))
  )
}
