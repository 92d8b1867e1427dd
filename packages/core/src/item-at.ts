import { LivetreeError } from './errors.ts'

/**
 * The item with a number that the list is known to have, such as the number of a layer.
 *
 * @throws LivetreeError `internal` if the list has no such item
 */
export function itemAt<T extends NonNullable<unknown>>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new LivetreeError('internal', `There is no item ${index} of ${items.length}.`)
  return item
}
