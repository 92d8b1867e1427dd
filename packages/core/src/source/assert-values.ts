import { disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { LivetreeError } from '../errors.ts'
import { Sealed } from '../sealed.ts'
import { shortKey } from '../short-text.ts'

interface Place {
  readonly value: unknown
  readonly name: string
  readonly above: Place | undefined
}

/**
 * Refuses promises, functions and symbols anywhere inside a given value: zod accepts any object where the schema has an object,
 * so a promise that is not awaited would become an object of defaults.
 *
 * @param call names the caller in the error, as in `memory()`
 * @throws LivetreeError `invalid_options` with the path of the first promise, function or symbol
 */
export function assertValues(call: string, value: unknown): void {
  const places: Place[] = [{ value, name: '', above: undefined }]
  const seen = new Set<unknown>()
  let first: LivetreeError | undefined
  // Goes on after the first, so that no rejection of a second promise is left unhandled.
  for (let at = places.pop(); at !== undefined; at = places.pop()) {
    const problem = problemOf(at.value)
    if (problem !== undefined) {
      first = new LivetreeError('invalid_options', messageOf(call, at, problem))
      disown(at.value)
    }
    if (problem !== undefined || typeof at.value !== 'object' || seen.has(at.value)) continue
    seen.add(at.value)
    for (const [name, part] of partsOf(at.value)) places.push({ value: part, name, above: at })
  }
  if (first !== undefined) throw first
}

function problemOf(value: unknown): [what: string, remedy: string] | undefined {
  if (isPromise(value)) return ['a promise', 'Await it first.']
  if (typeof value === 'function') return ['a function', 'Call it, or leave it out.']
  return typeof value === 'symbol' ? ['a symbol', 'Leave it out.'] : undefined
}

function messageOf(call: string, place: Place, [what, remedy]: [string, string]): string {
  const names: string[] = []
  for (let at: Place | undefined = place; at?.above !== undefined; at = at.above) names.push(at.name)
  if (names.length === 0) return `${call}: got ${what}; expected an object. ${remedy}`
  return `${call}: got ${what} at "${shortKey(names.reverse().join('.'))}"; expected a value. ${remedy}`
}

/** The parts of what is copied; an instance of another class is one value. */
function partsOf(value: object | null): [name: string, part: unknown][] {
  if (value instanceof Map)
    return [...value].flatMap(([name, part]) => [
      [nameOf(name), name] as [string, unknown],
      [nameOf(name), part],
    ])
  if (value instanceof Sealed) return [['', value.reveal()]]
  if (Array.isArray(value) || value instanceof Set)
    return Array.from(value, (part, index) => [`${index}`, part])
  const prototype: unknown = value === null ? undefined : Object.getPrototypeOf(value)
  if (value === null || (prototype !== Object.prototype && prototype !== null)) return []
  return Object.entries(value)
}

function nameOf(name: unknown): string {
  return typeof name === 'object' || typeof name === 'function' ? '?' : String(name)
}
