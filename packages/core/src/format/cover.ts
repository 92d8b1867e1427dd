/** In the place of a value: what lower layers have there, and below, does not count. */
export const REMOVE = 'livetree:remove'
/** In the place of a record, a map, an object or a list: it has what this layer and higher ones put into it, and nothing else. */
export const EMPTY = 'livetree:empty'

/** What a layer says instead of giving a value. */
export type Cover = 'remove' | 'empty'

/** Whether a value of a layer says that lower layers do not count. A line feed after it does not matter. */
export function coverOf(value: unknown): Cover | undefined {
  if (typeof value !== 'string' || !value.startsWith('livetree:')) return undefined
  const text = value.replace(/\r?\n$/, '')
  return text === REMOVE ? 'remove' : text === EMPTY ? 'empty' : undefined
}
