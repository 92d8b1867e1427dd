import { Unreadable } from '../source/source.ts'

/** What keeps an encrypted value from being read; each is the code of an issue. */
export type UnopenedCode =
  /** There are no keys, or not the one that the envelope names. */
  | 'key_missing'
  /** The envelope does not open: altered, of another place, or of another key with the same id. */
  | 'envelope_damaged'
  /** Plain text where the schema asks for an envelope. */
  | 'not_encrypted'
  /** An envelope where the schema asks for none. */
  | 'not_marked_encrypted'

/** A value that is there and cannot be read for want of its envelope or its key. */
export class Unopened extends Unreadable {
  readonly code: UnopenedCode

  constructor(code: UnopenedCode, reason: string) {
    super(reason)
    this.code = code
  }
}
