import { isObject, type OptionKind } from './option-kinds.ts'
import { LivetreeError, type LivetreeErrorCode } from './errors.ts'
import { nearestName } from './pipeline/nearest-name.ts'

/** Every option there is, and what is in those that are objects. */
export interface OptionTable {
  readonly [name: string]: OptionKind | OptionTable
}

/**
 * Refuses an option nobody knows, since it would otherwise be ignored without a word, and one of the wrong type.
 * `undefined` counts as not given.
 *
 * @param call where the options were given, such as `load()`
 * @throws LivetreeError `code`, naming the option
 */
export function checkOptions(
  call: string,
  given: unknown,
  table: OptionTable,
  code: LivetreeErrorCode = 'invalid_options',
): void {
  const refuse = (what: string): never => {
    throw new LivetreeError(code, `${call} ${what}.`)
  }
  const check = (value: unknown, kinds: OptionTable, at: string): void => {
    if (!isObject(value)) {
      refuse(`${at === '' ? 'got' : `got ${at} =`} ${shown(value)}; expected an object of options`)
      return
    }
    for (const [name, option] of Object.entries(value)) {
      const path = at === '' ? name : `${at}.${name}`
      const kind = Object.hasOwn(kinds, name) ? kinds[name]! : undefined
      if (kind === undefined) {
        const near = nearestName(name, Object.keys(kinds))
        const meant =
          near === undefined ? `There are ${Object.keys(kinds).join(', ')}` : `Did you mean "${near}"?`
        refuse(`has no option "${path}". ${meant}`)
      } else if (option !== undefined) {
        if (!isKind(kind)) check(option, kind, path)
        else if (!kind.test(option)) {
          refuse(`got ${path} = ${shown(option, kind.isShown)}; expected ${kind.expected}`)
        }
      }
    }
  }
  check(given, table, '')
}

/**
 * Refuses an argument of a call that is missing or of the wrong type.
 *
 * @param given the arguments by their names
 * @throws LivetreeError `invalid_options`, naming the argument
 */
export function checkArguments(
  call: string,
  given: Readonly<Record<string, unknown>>,
  kinds: Readonly<Record<string, OptionKind>>,
): void {
  for (const [name, { expected }] of Object.entries(kinds)) {
    if (given[name] !== undefined) continue
    throw new LivetreeError('invalid_options', `${call} got no ${name}; expected ${expected}.`)
  }
  checkOptions(call, given, kinds)
}

function isKind(kind: OptionKind | OptionTable): kind is OptionKind {
  return typeof kind['test'] === 'function'
}

/** What was given, without what may be in it. */
function shown(value: unknown, isWhole = false): string {
  if (value === null || value === '' || typeof value === 'number' || typeof value === 'boolean') {
    return value === '' ? 'an empty text' : String(value)
  }
  if (typeof value === 'string') return isWhole ? JSON.stringify(value.slice(0, 40)) : 'a text'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
