/** What a number, a boolean, a date or a time is written with. */
const SCALAR = /[\w+.:-]+/y
/** A blank may stand between a date and its time. */
const DATED = /\d{4}-\d\d-\d\d \d\d:[\w+.:-]+/y

/**
 * Valid TOML with its numbers, booleans, dates and times in quotes: what is parsed of it has the text that each was
 * written with, at the same place. Takes time in proportion to the text.
 */
export function quoteTomlScalars(text: string): string {
  return new Quoter(text).quoted()
}

class Quoter {
  readonly #text: string
  readonly #parts: string[] = []
  /** The brackets that are open in a value, the innermost last. */
  readonly #open: string[] = []
  #isValue = false
  #at = 0
  #copied = 0

  constructor(text: string) {
    this.#text = text
  }

  quoted(): string {
    while (this.#at < this.#text.length) {
      const character = this.#text.charAt(this.#at)
      if (character === '#') this.#at = endOr(this.#text.indexOf('\n', this.#at), this.#text)
      else if (character === '"' || character === "'") this.#skipString(character)
      else if (!this.#isValue || !this.#quotesScalar()) this.#goOver(character)
    }
    return this.#parts.join('') + this.#text.slice(this.#copied)
  }

  #quotesScalar(): boolean {
    const length = this.#lengthOf(DATED) || this.#lengthOf(SCALAR)
    if (length === 0) return false
    const end = this.#at + length
    this.#parts.push(this.#text.slice(this.#copied, this.#at), '"', this.#text.slice(this.#at, end), '"')
    this.#at = end
    this.#copied = end
    return true
  }

  #lengthOf(pattern: RegExp): number {
    pattern.lastIndex = this.#at
    return pattern.test(this.#text) ? pattern.lastIndex - this.#at : 0
  }

  /** Keeps account of whether a name or a value comes next. */
  #goOver(character: string): void {
    this.#at++
    const isEnd = character === ']' || character === '}'
    if (this.#isValue && (character === '[' || character === '{')) this.#open.push(character)
    else if (isEnd) this.#open.pop()
    const within = this.#open.at(-1)
    // names come after `{`, after a comma in braces, and at the beginning of a line
    if (character === '=') this.#isValue = true
    else if (isEnd) this.#isValue = within !== undefined
    else if (character === '{' || (character === ',' && within === '{')) this.#isValue = false
    else if (character === '\n' && within === undefined) this.#isValue = false
  }

  #skipString(quote: string): void {
    const long = quote.repeat(3)
    const isLong = this.#text.startsWith(long, this.#at)
    const end = isLong ? long : quote
    this.#at += end.length
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at))
      this.#at += quote === '"' && this.#text[this.#at] === '\\' ? 2 : 1
    this.#at += end.length
    // the last two characters of a long string may be quotes themselves
    for (let more = 0; isLong && more < 2 && this.#text[this.#at] === quote; more++) this.#at++
  }
}

function endOr(index: number, text: string): number {
  return index < 0 ? text.length : index
}
