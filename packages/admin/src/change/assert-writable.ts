import type { Path } from '@livetree/core'
import { shownKey } from '@livetree/core/source'
import { pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'

/** @throws AdminError `invalid_value` */
export function assertDefined(path: Path, value: unknown): void {
  if (value !== undefined) return
  throw new AdminError('invalid_value', {
    what: `"${pathText(path)}" cannot be set to undefined`,
    remedy: 'Use unset() to remove it.',
  })
}

/** @throws AdminError `unwritable_value` for a text that is no UTF-8 text */
export function assertUtf8(key: string, text: string): void {
  if (text.isWellFormed()) return
  throw new AdminError('unwritable_value', {
    what: `The text for the key ${shownKey(key)} has half of a surrogate pair, which no UTF-8 text has`,
    remedy: 'Give the whole character.',
  })
}
