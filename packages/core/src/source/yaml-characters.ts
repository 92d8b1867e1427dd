const BYTE_ORDER_MARK = 0xfeff
const LINE_FEED = 0x0a

/**
 * Finds a character that YAML does not allow and the parser takes for one of a name or a value: control characters, as a
 * file has them that was cut off by a crash, and a byte order mark in front of a later line, as joined files have it.
 */
export function characterProblem(text: string): { words: string; offset: number } | undefined {
  for (let offset = 0; offset < text.length; offset++) {
    const code = text.charCodeAt(offset)
    const isMark = code === BYTE_ORDER_MARK && text.charCodeAt(offset - 1) === LINE_FEED
    if (isMark) return { words: 'a byte order mark that is not at the start of the file', offset }
    if (isControl(code)) return { words: `the control character U+${hex(code)}`, offset }
  }
  return undefined
}

/** All of ASCII but tab, line feed and carriage return. */
function isControl(code: number): boolean {
  return (code < 0x20 && code !== 0x09 && code !== LINE_FEED && code !== 0x0d) || code === 0x7f
}

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, '0')
}
