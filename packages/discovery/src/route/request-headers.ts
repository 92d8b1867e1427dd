import { type Dispatcher, errors } from 'undici'

type Headers = Dispatcher.DispatchOptions['headers']

/**
 * Header fields that can be read again and again: for the choice, and for each attempt. An iterator gives its fields once.
 *
 * @throws InvalidArgumentError of undici for what is no pair, and whatever the iterator throws
 */
export function keptHeaders(headers: Headers): Exclude<Headers, undefined> {
  if (!isIterable(headers) || Array.isArray(headers)) return headers ?? null
  const fields: unknown[] = []
  for (const pair of headers) {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new errors.InvalidArgumentError('headers must be in key-value pair format')
    fields.push(...pair)
  }
  return fields as string[]
}

/** The value of a field of kept headers, by its name in lower case; undefined without. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const fields = fieldsOf(headers)
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const value = fields[index + 1]
    if (String(fields[index]).toLowerCase() === name && value !== undefined && value !== null)
      return String(value)
  }
  return undefined
}

/** Kept headers with this field, unless there is one of its name. */
export function withDefault(headers: Headers, name: string, value: string): Exclude<Headers, undefined> {
  if (headerOf(headers, name) !== undefined) return headers ?? null
  return [...fieldsOf(headers), name, value] as string[]
}

/** Names and values in turn. The values stay as they are: undici judges them. */
function fieldsOf(headers: Headers): readonly unknown[] {
  if (headers === undefined || headers === null) return []
  return Array.isArray(headers) ? headers : Object.entries(headers).flat(1)
}

function isIterable(headers: unknown): headers is Iterable<unknown> {
  return typeof headers === 'object' && headers !== null && Symbol.iterator in headers
}
