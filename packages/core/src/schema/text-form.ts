import type { ReadText, WriteText } from './scalar-text.ts'

/** One form of a value as text, in both directions. */
export interface TextForm {
  readonly read: ReadText
  readonly write: WriteText
}

/** Files piped into etcdctl end in a line feed; only text targets keep it. */
export function trimLineEnd(text: string): string {
  return text.endsWith('\n') ? text.slice(0, text.endsWith('\r\n') ? -2 : -1) : text
}
