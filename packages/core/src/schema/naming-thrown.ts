import { isLivetreeError, LivetreeError } from '../errors.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import { placeText } from './name-clash.ts'

/**
 * Runs what reads a schema, and so may call functions of its author: that of `z.lazy()`, or a getter of a `prefault`.
 *
 * @throws LivetreeError `invalid_schema` in the place of what such a function throws
 */
export function namingThrown<R>(path: readonly string[], read: () => R): R {
  try {
    return read()
  } catch (cause) {
    if (isLivetreeError(cause)) throw cause
    const message = `The schema's own code at ${placeText(path)} threw while the schema was read: ${withoutStop(messageOf(cause))}.`
    throw new LivetreeError('invalid_schema', message, { cause })
  }
}
