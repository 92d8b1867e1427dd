/** What every object, list, function, map and text inherits from. */
const WATCHED = [
  Object.prototype,
  Array.prototype,
  Function.prototype,
  Map.prototype,
  Set.prototype,
  String.prototype,
  Promise.prototype,
  Error.prototype,
  Buffer.prototype,
  Object,
] as const

type State = readonly (readonly PropertyKey[])[]

/** The names in the prototypes. Their values are compared with those the module saw when it was loaded. */
export function prototypesNow(): State {
  return WATCHED.map((prototype) => Reflect.ownKeys(prototype))
}

const original = new Map<object, ReadonlyMap<PropertyKey, unknown>>(
  [Object.prototype, Array.prototype, Function.prototype].map((prototype) => [
    prototype,
    valuesOf(prototype),
  ]),
)

/** Throws when a prototype has gained, lost or changed a property since `before`, and names it. */
export function assertClean(before: State): void {
  for (const [index, prototype] of WATCHED.entries()) {
    const names = Reflect.ownKeys(prototype)
    if (names.length !== before[index]!.length) {
      const gained = names.filter((name) => !before[index]!.includes(name))
      throw new Error(`prototype pollution: ${gained.map(String).join(', ') || 'a property is gone'}`)
    }
  }
  for (const [prototype, values] of original) {
    for (const [name, value] of values) {
      const now = Object.getOwnPropertyDescriptor(prototype, name)?.value as unknown
      if (now !== value) throw new Error(`prototype pollution: ${String(name)} was changed`)
    }
  }
}

function valuesOf(prototype: object): ReadonlyMap<PropertyKey, unknown> {
  return new Map(
    Reflect.ownKeys(prototype).map((name) => [name, Object.getOwnPropertyDescriptor(prototype, name)?.value]),
  )
}

/** Throws when an object inherits from data. Gives its prototype. */
function assertInherits(value: object, at: string): object | null {
  const prototype = Object.getPrototypeOf(value) as object | null
  const isClass = prototype !== null && (Reflect.get(prototype, 'constructor') as unknown) instanceof Function
  if (prototype !== null && !(isClass && Object.hasOwn(prototype, 'constructor'))) {
    throw new Error(`${at} inherits from something of the input`)
  }
  return prototype
}

/** The same for all that is in what a source hands over, where `__proto__` may yet be a name like others. */
export function assertNothingInherited(value: unknown, at = 'value', depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 200) return
  assertInherits(value, at)
  for (const [name, part] of Object.entries(value)) assertNothingInherited(part, `${at}.${name}`, depth + 1)
}

/** Throws when any part of a value inherits from data, or has a property `__proto__` of its own. */
export function assertPlain(value: unknown, at = 'value', depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 200) return
  const prototype = assertInherits(value, at)
  // instances of classes are handed on as they are
  if (prototype !== null && prototype !== Object.prototype && prototype !== Array.prototype) return
  if (Object.hasOwn(value, '__proto__')) throw new Error(`${at} has a property __proto__ of its own`)
  for (const [name, part] of Object.entries(value)) assertPlain(part, `${at}.${name}`, depth + 1)
}
