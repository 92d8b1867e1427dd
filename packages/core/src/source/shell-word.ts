import { shownKey } from '../key-text.ts'

/** A text as one word of a POSIX shell, for commands that a message asks people to run; also the text of a key that is not UTF-8. */
export function shellWord(text: string): string {
  if (!text.isWellFormed()) return `$'${shownKey(text.replaceAll('\\', '\\\\').replaceAll("'", "\\'"))}'`
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
