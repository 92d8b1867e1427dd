import { Unreadable } from '../source/source.ts'
import { readJson } from './document.ts'
import { plainValue } from './plain-value.ts'
import { Unopened } from './unopened.ts'
import type { RawIssue } from './validate.ts'

/** Text at an object's place that cannot be parsed as a document. Its message is not zod's, which would only see text. */
export class UnreadableText extends Error {
  readonly unreadable: Unreadable

  constructor(unreadable: Unreadable) {
    super(unreadable.reason)
    this.unreadable = unreadable
  }
}

/** A value that zod would coerce, and that cannot be meant: other options of a union may take it. */
export class RefusedValue extends UnreadableText {}

/** What a text says that is a list or an object in JSON; undefined for any other text. */
export function documentIn(text: string): { readonly value: unknown } | undefined {
  const parsed = /^\s*[[{]/.test(text) ? readJson(text) : undefined
  if (parsed instanceof Unreadable) throw new UnreadableText(parsed)
  return parsed
}

/** JSON text stands for what it says, any other text for itself. */
export function jsonOrText(text: string): unknown {
  const parsed = readJson(text)
  if (parsed instanceof Unreadable) throw new UnreadableText(parsed)
  return parsed === undefined ? text : plainValue(parsed.value)
}

/** A value that cannot be read as a complaint, but for its path. */
export function unreadableIssue(value: Unreadable): Omit<RawIssue, 'path'> {
  const { reason, quoting } = value
  const message = `Cannot be read: ${reason}`
  const code = value instanceof Unopened ? value.code : 'unreadable'
  return { code, message, isOurs: true, quoting: quoting && `Cannot be read: ${quoting}` }
}
