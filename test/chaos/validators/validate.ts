import type { History, Violation } from '../history.ts'
import { atomic } from './atomic.ts'
import { bookmarkable } from './bookmarkable.ts'
import { configEqualsTree } from './config-equals-tree.ts'
import type { Decode } from './config-trees.ts'
import { examine, type Validator } from './evidence.ts'
import { filter } from './filter.ts'
import { isCreate } from './is-create.ts'
import { noneWithheld } from './none-withheld.ts'
import { nothingWithoutDifference } from './nothing-without-difference.ts'
import { ordered } from './ordered.ts'
import { prevKv } from './prev-kv.ts'
import { rejectedWereInvalid } from './rejected-were-invalid.ts'
import { reliable } from './reliable.ts'
import { resumable } from './resumable.ts'
import { revisionsNeverGoBack } from './revisions-never-go-back.ts'
import { storeConsistent } from './store-consistent.ts'
import { unique } from './unique.ts'
import { writesHonest } from './writes-honest.ts'

/** Every rule, by the name that its violations bear. The store comes first: where it fails, nothing else counts. */
export const validators: Readonly<Record<string, Validator>> = {
  'store-consistent': storeConsistent,
  filter,
  ordered,
  unique,
  atomic,
  bookmarkable,
  resumable,
  'is-create': isCreate,
  reliable,
  'prev-kv': prevKv,
  'config-equals-tree': configEqualsTree,
  'revisions-never-go-back': revisionsNeverGoBack,
  'none-withheld': noneWithheld,
  'rejected-were-invalid': rejectedWereInvalid,
  'nothing-without-difference': nothingWithoutDifference,
  'writes-honest': writesHonest,
}

/** Judges a history by every rule. `decode` reads the configurations' trees in its own way; see `referenceDecoder`. */
export const validate = (history: History, decode: Decode): Violation[] => {
  const evidence = examine(history, decode)
  return Object.values(validators).flatMap((validator) => validator(evidence))
}

/** The first violations in words, with how many there are by each rule. Empty when there is none. */
export const describeViolations = (violations: readonly Violation[], count = 20): string => {
  if (violations.length === 0) return ''
  const counts = Object.entries(Object.groupBy(violations, ({ validator }) => validator))
  const lines = violations.slice(0, count).map(({ validator, where, at, what }) => {
    const place = at === undefined ? where : `${where} at revision ${at}`
    return `${validator}: ${place}: ${what}`
  })
  const rest = violations.length > count ? [`… and ${violations.length - count} more`] : []
  const summary = counts.map(([validator, found]) => `${found!.length} ${validator}`).join(', ')
  return [`${violations.length} violations (${summary})`, ...lines, ...rest].join('\n')
}
