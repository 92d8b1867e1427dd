import { describe, expect, test } from 'vitest'
import { type SourceText, sourceFolders, sourcesIn } from './source-files.ts'

const MOST_UNDOCUMENTED = 0.05

const FOLDERS = sourceFolders()

const EXPORT =
  /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|class|interface|type|enum) (\w+)/gm
const UNCLEAR = [
  /\bwhat (?:comes|came|becomes|became) of\b|\b(?:at )?its (?:own )?word\b|\bput into words\b|\b(?:its|their) own words\b/i,
  /\btold\b(?! apart\b)|\bheard\b|\bin hand\b|\bc(?:o|a)mes? to\b|\bat the door\b|\bis had\b|\banew\b/i,
  // A number or a time that only the code below names.
  /\bso (?:many|long|often)\b(?! (?:that|as)\b)/i,
  /\bnobody knows\b/i,
  // The begin of a sentence whose subject is to be guessed.
  /^(?:\/\*\*?|\/\/)[\s*]*(?:Of|And|Or|Whose|That (?:of|have|has))\b/,
]

describe('at least 95 % of the exports have a doc comment', () => {
  test.each(FOLDERS)('%s', (folder) => {
    const exports = sourcesIn(folder).flatMap(exportsOf)
    const undocumented = exports.filter(({ isDocumented }) => !isDocumented)
    const list = undocumented.map((each) => `${each.file}: ${each.name}`).join('\n')
    expect(undocumented.length, `exports without a doc comment:\n${list}`).toBeLessThanOrEqual(
      exports.length * MOST_UNDOCUMENTED,
    )
  })

  test('finds an export without one, and counts overloads once', () => {
    const text =
      '/** Says a. */\nexport function a(x: 1): void\nexport function a(x: 2): void\nexport const b = 1\n'
    expect(documentedIn(text)).toEqual([
      ['a', true],
      ['b', false],
    ])
  })
})

describe('comments avoid phrases that have to be read twice', () => {
  test.each(FOLDERS)('%s', (folder) => {
    const found = sourcesIn(folder).flatMap(({ file, text }) =>
      unclearIn(text).map((comment) => `${file}: ${comment}`),
    )
    expect(found).toEqual([])
  })

  test('finds them in comments, and nowhere else', () => {
    const text = "/** What comes of it. */\nconst note = 'it is told'\n// who is told\n/**\n * Plain.\n */\n"
    expect(unclearIn(text)).toEqual(['/** What comes of it. */', '// who is told'])
  })

  test.each([
    '/** At most so many wait. */',
    '// so long that it is dead: no, so long it may take',
    '/** Of a rollback: its revision. */',
    '// Nobody knows whether it is valid.',
    '/** Two that cannot be told apart; one is told. */',
  ])('finds %s', (comment) => {
    expect(unclearIn(comment)).toEqual([comment])
  })

  test.each([
    '/** Waits so long that the peer must be dead. */',
    '/** As often as needed, and so often as asked. */',
    '/** Two values that cannot be told apart. */',
    '/** The end of it. And more of that. */',
    '/** Often it is valid. */',
  ])('permits %s', (comment) => {
    expect(unclearIn(comment)).toEqual([])
  })
})

test.each(sourcesIn('packages/etcd/src/transport/undici').map(({ file, text }) => ({ file, text })))(
  '$file says of each workaround with which versions it was seen, and when it can go',
  ({ text }) => {
    const notes = text
      .replace(/\s*\n\s*\*?\s*/g, ' ')
      .match(/Seen with (?:Node|undici) \d[^;]*; remove when /g)
    expect(notes?.length ?? 0).toBeGreaterThanOrEqual(2)
  },
)

function exportsOf({ file, text }: SourceText) {
  return documentedIn(text).map(([name, isDocumented]) => ({ file, name, isDocumented }))
}

function documentedIn(text: string): [name: string, isDocumented: boolean][] {
  const found = new Map<string, boolean>()
  for (const { 1: name = '', index } of text.matchAll(EXPORT)) {
    // Directives for the linter and decorators may come between the comment and the declaration.
    const before = text.slice(0, index).replace(/(?:\n(?:\/\/|@)[^\n]*)*\n*$/, '')
    if (!found.has(name)) found.set(name, before.endsWith('*/'))
  }
  return [...found]
}

function unclearIn(text: string): string[] {
  const comments = text.match(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g) ?? []
  return comments
    .map((comment) => comment.replace(/\s*\n\s*\*?\s*/g, ' '))
    .filter((comment) => UNCLEAR.some((phrase) => phrase.test(comment)))
}
