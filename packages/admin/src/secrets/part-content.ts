import type { EnvelopeContent } from '@livetree/core/tools'
import type { SecretPart } from './secret-parts.ts'

/** The form of the envelopes that are made of a part: a value keeps its type. */
export function formOf({ isValue }: SecretPart): EnvelopeContent['form'] {
  return isValue ? 'json' : 'text'
}

/** What an envelope of a plain part is to hold. */
export function contentOf(at: SecretPart, written: string): EnvelopeContent {
  return { form: formOf(at), text: written }
}

export function envelopeAt({ isValue }: SecretPart, envelope: string): string {
  return isValue ? JSON.stringify(envelope) : envelope
}

/** How a content is written in plain: JSON in a document, else text. */
export function inPlace({ isValue }: SecretPart, { form, text }: EnvelopeContent): string {
  if (isValue) return form === 'json' ? text : JSON.stringify(text)
  if (form === 'text' || !text.startsWith('"')) return text
  return String(JSON.parse(text))
}

export function idOf(key: string, { path }: SecretPart, { form, text }: EnvelopeContent): string {
  return JSON.stringify([key, path, form, text])
}
