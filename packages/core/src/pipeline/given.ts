import type { DocumentMark, Entry } from './tree-node.ts'

/** What the source gave for a leaf or a document: the envelope, where there is one. */
export function givenOf(own: Entry | DocumentMark): unknown {
  return 'given' in own ? own.given : own.value
}

/** Whether a leaf, a document or a part of it was given as an envelope, or should have been. */
export function isGivenEncrypted(own: Entry | DocumentMark): boolean {
  return 'given' in own || ('isEncrypted' in own && own.isEncrypted === true)
}
