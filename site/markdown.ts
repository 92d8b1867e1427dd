/** A link or picture of a Markdown text. */
export interface Link {
  /** What it leads to, as it is written. */
  readonly target: string
  /** Where the target begins in the text. */
  readonly offset: number
  /** The line it is in, from 1. */
  readonly line: number
  readonly isPicture: boolean
}

/**
 * A link, picture or definition: what is before the target, the target. The text of a link may hold brackets, and pictures. No
 * two ways of the pattern read one text, so that its time grows with the length alone.
 */
const INLINE =
  /(!?)\[(?:[^[\]!]|!(?!\[)|!?\[[^[\]]*\])*\]\(\s*<?([^)\s>]+)|^( {0,3})\[[^\]]+\]:\s*<?([^\s>]+)/gm
const NESTED_PICTURE = /!\[[^[\]]*\]\(\s*<?([^)\s>]+)/g

/** The text with all that is code replaced by blanks of the same length, so that offsets and lines stay. */
export function withoutCode(text: string): string {
  const blank = (code: string) => code.replace(/[^\n]/g, ' ')
  return blankFences(text).replace(/(`+)(?!`)(?:(?!\n\n)[\s\S])*?[^`]\1(?!`)/g, blank)
}

/** Blanks fenced blocks: a fence ends with one of its own sign that is at least as long, or with the text. */
function blankFences(text: string): string {
  let fence: string | undefined
  const lines = text.split('\n').map((line) => {
    const [, sign = ''] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? []
    const isEnd = fence !== undefined && sign.startsWith(fence) && /^\s*[`~]+\s*$/.test(line)
    const isInside = fence !== undefined
    if (isEnd) fence = undefined
    else if (fence === undefined && sign !== '') fence = sign
    return isInside || sign !== '' ? ' '.repeat(line.length) : line
  })
  return lines.join('\n')
}

/** All links and pictures of a text that are not in code, in their order. */
export function linksOf(text: string): Link[] {
  const prose = withoutCode(text)
  const found = new Map<number, Link>()
  const add = (target: string, end: number, isPicture: boolean) => {
    const offset = end - target.length
    found.set(offset, { target, offset, line: lineOf(text, offset), isPicture })
  }
  for (const match of prose.matchAll(INLINE))
    add(match[2] ?? match[4] ?? '', match.index + match[0].length, match[1] === '!')
  for (const match of prose.matchAll(NESTED_PICTURE)) add(match[1] ?? '', match.index + match[0].length, true)
  return [...found.values()].sort((one, other) => one.offset - other.offset)
}

/** The line, from 1, that an offset is in. */
function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** The anchor that GitHub gives a heading: lower case, without punctuation, a hyphen for each blank. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}

/** The anchors of a text; the second heading of one name has `-1` at its end, and so on. */
export function anchorsOf(text: string): Set<string> {
  const prose = blankFences(text)
  const anchors = new Set<string>()
  for (const [, heading = ''] of prose.matchAll(/^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/gm)) {
    const anchor = anchorOf(plainText(heading))
    let unique = anchor
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`
    anchors.add(unique)
  }
  return anchors
}

/** A heading as it is shown: the text of a link, code without its marks. */
function plainText(heading: string): string {
  return heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/\\([!-/:-@[-`{-~])/g, '$1')
}
