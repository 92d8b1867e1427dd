import { isPromise } from './promises-in.ts'

/** Names the kind of a value for a message, without its content. */
export function kindOfValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (isPromise(value)) return 'a promise'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
