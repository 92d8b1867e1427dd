/** Reads the text of one leaf as the schema's input type; text that does not fit is handed on as it is. */
export type ReadText = (text: string) => unknown

/** Writes a value as text; undefined for a value of another type, and for one that has no text form. */
export type WriteText = (value: unknown) => string | undefined

/** How the scalars of a leaf are read from text, and written as text. */
export interface ScalarText {
  /** `z.coerce`: zod makes something of null, lists and objects too, none of which can be meant. */
  readonly isCoerced?: boolean
  /** Whether `read` may give an `Unreadable`. */
  readonly mayRefuse?: boolean
  readonly read: ReadText
  /** The reverse of `read`: what it gives for a value, `read` reads as an equal value. */
  readonly write: WriteText
  /**
   * The same for a scalar that a document or a program has typed, with its text as it was written: the schema's own type
   * is taken as it is, everything else read from the text; what does not fit is handed on as it is.
   */
  readonly readTyped: (value: TypedScalar, text: string) => unknown
}

/** A number or a boolean as a document has typed it. */
export type TypedScalar = number | bigint | boolean
