import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const LEAST_SHARE = 0.95

/** Folders that both checks hold for, `*` without those below. Add a folder when its comments are revised. */
const REVISED = [
  'packages/admin/src',
  'packages/cli/src',
  'packages/coordination/src',
  'packages/core/src/*',
  'packages/core/src/events',
  'packages/core/src/live',
  'packages/core/src/request',
  'packages/core/src/resource',
  'packages/core/src/schema',
  'packages/core/src/snapshot-file',
  'packages/core/src/startup',
  'packages/core/src/testing',
  'packages/core/src/tools',
  'packages/core/src/updates',
  'packages/discovery/src',
  'packages/embedded/src',
  'packages/etcd/src',
  'packages/express/src',
  'packages/fastify/src',
  'packages/livetree/src',
  'packages/nestjs/src',
]

const EXPORT =
  /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|class|interface|type|enum) (\w+)/gm
const UNCLEAR =
  /\bwhat (?:comes|came|becomes|became) of\b|\b(?:at )?its (?:own )?word\b|\bso many of\b|\btold\b|\bheard\b|\bin hand\b|\bc(?:o|a)mes? to\b|\bat the door\b|\bis had\b/i

describe('at least 95 % of the exports have a doc comment', () => {
  test.each(REVISED)('%s', (folder) => {
    const exports = sourcesIn(folder).flatMap(exportsOf)
    const undocumented = exports.filter(({ isDocumented }) => !isDocumented)
    const share = 1 - undocumented.length / exports.length
    const list = undocumented.map((each) => `${each.file}: ${each.name}`).join('\n')
    expect(share, `exports without a doc comment:\n${list}`).toBeGreaterThanOrEqual(LEAST_SHARE)
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
  test.each(REVISED)('%s', (folder) => {
    const found = sourcesIn(folder).flatMap(({ file, text }) =>
      unclearIn(text).map((comment) => `${file}: ${comment}`),
    )
    expect(found).toEqual([])
  })

  test('finds them in comments, and nowhere else', () => {
    const text = "/** What comes of it. */\nconst note = 'it is told'\n// who is told\n/**\n * Plain.\n */\n"
    expect(unclearIn(text)).toEqual(['/** What comes of it. */', '// who is told'])
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

interface SourceText {
  readonly file: string
  readonly text: string
}

function sourcesIn(folder: string): SourceText[] {
  const path = folder.replace(/\/\*$/, '')
  return readdirSync(join(ROOT, path), { recursive: path === folder, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.test(?:-d|\.kit)?\.ts$/.test(name))
    .map((name) => ({ file: `${path}/${name}`, text: readFileSync(join(ROOT, path, name), 'utf8') }))
}

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
  return comments.filter((comment) => UNCLEAR.test(comment.replace(/\s*\n\s*\*?\s*/g, ' ')))
}
