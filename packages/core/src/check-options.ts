import { disown } from './callback.ts'
import { isPromise } from './promises-in.ts'
import { isObject, type OptionKind } from './option-kinds.ts'
import { LivetreeError, type LivetreeErrorCode } from './errors.ts'
import { nearestName } from './nearest-name.ts'
import { isList } from './thrown.ts'

/** Every known option with its kind, or with a nested table for an option that is an object. */
export interface OptionTable {
  readonly [name: string]: OptionKind | OptionTable
}

/**
 * Refuses an unknown option, which would otherwise be ignored silently, and one of the wrong type. `undefined` counts as not
 * given. A promise among the options may reject without ending the process, though no caller awaits it.
 *
 * @param call the call that received the options, such as `load()`
 * @throws LivetreeError `code`, naming the option
 */
export function checkOptions(
  call: string,
  given: unknown,
  table: OptionTable,
  code: LivetreeErrorCode = 'invalid_options',
): void {
  disown(given)
  const refuse = (what: string): never => {
    throw new LivetreeError(code, `${call} ${what}.`)
  }
  const check = (value: unknown, kinds: OptionTable, at: string): void => {
    if (!isObject(value) || isPromise(value)) {
      refuse(`${at === '' ? 'got' : `got ${at} =`} ${shown(value)}; expected an object of options`)
      return
    }
    for (const [name, option] of Object.entries(value)) {
      const path = at === '' ? name : `${at}.${name}`
      const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
      if (kind === undefined) {
        const near = nearestName(name, Object.keys(kinds))
        const meant =
          near === undefined ? `There are ${Object.keys(kinds).join(', ')}` : `Did you mean "${near}"?`
        refuse(`has no option "${path}". ${meant}`)
      } else if (option !== undefined) {
        if (!isKind(kind)) check(option, kind, path)
        else if (isPromise(option) || !kind.test(option)) {
          refuse(`got ${path} = ${shown(option, kind.isShown)}; expected ${kind.expected}`)
        }
      }
    }
  }
  check(given, table, '')
}

/**
 * Refuses an argument that is missing or of the wrong type.
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

/** Describes an invalid value without text that may be secret. */
function shown(value: unknown, isWhole = false): string {
  if (value === null || value === '' || typeof value === 'number' || typeof value === 'boolean') {
    return value === '' ? 'an empty text' : String(value)
  }
  if (typeof value === 'string') return isWhole ? JSON.stringify(value.slice(0, 40)) : 'a text'
  if (isPromise(value)) return 'a promise'
  if (isList(value)) return value.length === 0 ? 'an empty list' : 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
