import { randomUUID } from 'node:crypto'
import { JsonDocument } from '../change/json-document.ts'

/**
 * Plain texts that stand where envelopes are asked for, while the tree that has them is edited: something else stands for each,
 * which is no text that anybody writes. Afterwards, those that are still there get their place again.
 */
export class StrayTexts {
  readonly #mark = `livetree:plaintext:${randomUUID()}:`
  readonly #strays: { readonly text: string; readonly json: string }[] = []

  /**
   * What stands for a text; `json` is how a document has it. The scalars of a list or an object are covered one by one, and so are
   * the empty lists and objects in it.
   */
  cover(text: string, json: string): string {
    const document = JsonDocument.of(text)
    if (document === undefined || document.isEmpty) return this.#coverOne(text, json)
    document.mapLeaves((_, part) => {
      const scalar = part.startsWith('"') ? String(JSON.parse(part)) : part
      return JSON.stringify(this.#coverOne(scalar, part))
    })
    return document.text
  }

  /** What stands for a text as a whole, whatever is in it. */
  coverWhole(text: string, json = JSON.stringify(text)): string {
    return this.#coverOne(text, json)
  }

  /** Whether a text has one of them in it. */
  isIn(text: string): boolean {
    return this.#strays.length > 0 && text.includes(this.#mark)
  }

  /** The text with what was covered in it. */
  restore(text: string): string {
    if (!this.isIn(text)) return text
    const document = JsonDocument.of(text)
    if (document === undefined) return this.#strayOf(text)?.text ?? text
    document.mapScalars((_, part) => {
      const scalar: unknown = part.startsWith('"') ? JSON.parse(part) : undefined
      if (typeof scalar !== 'string' || !this.isIn(scalar)) return part
      // JSON may stand in it as text, with some of them.
      return this.#strayOf(scalar)?.json ?? JSON.stringify(this.restore(scalar))
    })
    return document.text
  }

  #coverOne(text: string, json: string): string {
    this.#strays.push({ text, json })
    return `${this.#mark}${this.#strays.length - 1}`
  }

  #strayOf(cover: unknown) {
    if (typeof cover !== 'string' || !cover.startsWith(this.#mark)) return undefined
    return this.#strays[Number(cover.slice(this.#mark.length))]
  }
}
