/** Characters that move a terminal's cursor, change what it does, or turn the order of a line around. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const UNSAFE_IN_LINES = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** A text that a terminal only shows, on one line: what it would act upon is written as an escape, such as `\x1b`. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, escaped)
}

/** As `safeText`, keeping line breaks and tabs. */
export function safeLines(text: string): string {
  return text.replace(UNSAFE_IN_LINES, escaped)
}

/** JSON text in which such characters are escaped as JSON does; it says the same. */
export function safeJson(json: string): string {
  return json.replace(UNSAFE_IN_LINES, (character) =>
    character
      .split('')
      .map((unit) => `\\u${hex(unit, 4)}`)
      .join(''),
  )
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  return character < '\u0100' ? `\\x${hex(character, 2)}` : `\\u{${hex(character, 4)}}`
}

function hex(character: string, width: number): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(width, '0')
}

const MOST_SHOWN = 60

/** The text of a key for a line of output: in quotes where it would be hard to see otherwise, and cut. */
export function shownText(text: string, most = MOST_SHOWN): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text
  return text === '' || /^\s|\s$/.test(text) ? JSON.stringify(cut) : safeText(cut)
}

/** A key, cut where it is long beyond reading. */
export function shortKey(key: string): string {
  return safeText(key.length > 300 ? `${key.slice(0, 200)}…${key.slice(-50)}` : key)
}
