import type { OptionTable } from '../check-options.ts'
import { milliseconds, oneOf, type OptionKind } from '../option-kinds.ts'

/** What `GuardOptions` may be. */
export const GUARD_OPTIONS: OptionTable = {
  maxRemovedShare: {
    expected: 'a number from 0 to 1',
    test: (share) => typeof share === 'number' && share >= 0 && share <= 1,
    isShown: true,
  },
  minRemoved: {
    expected: 'a count of leaves, 0 or more',
    test: (count) => typeof count === 'number' && count >= 0,
    isShown: true,
  },
  windowMs: milliseconds,
}

/** False, or options that are checked by `GUARD_OPTIONS`. */
export const guardKind: OptionKind = {
  expected: 'false, or { maxRemovedShare, minRemoved, windowMs }',
  test: (guard) => guard === false || (typeof guard === 'object' && guard !== null),
}

/** How keys that the schema does not know are handled. */
export const unusedKind: OptionKind = oneOf('ignore', 'warn', 'reject')
