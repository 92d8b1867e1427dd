import { describe, expect, test } from 'vitest'
import { anchorsOf, linksOf } from './markdown.ts'
import type { Page } from './pages.ts'
import { PAGES } from './pages.ts'
import { Rewriter, unlisted } from './rewrite.ts'
import { openRepository, pageFiles } from './repository.ts'

const pageOf = (file: string, route: string): Page => ({ file, route, title: route, about: '' })
const PAGE_LIST = [
  pageOf('README.md', 'index'),
  pageOf('docs/a.md', 'a'),
  pageOf('docs/b.md', 'b'),
  pageOf('packages/core/README.md', 'packages/core'),
]

/** Rewrites `docs/a.md` of a repository with these files. */
function rewrite(text: string, files: Readonly<Record<string, string>> = {}) {
  const all: Record<string, string> = {
    'README.md': '# Top\n## Using it\n',
    'docs/b.md': '# B\n## Two words\n## Two words\n',
    'packages/core/README.md': '# core\n',
    'packages/core/src/index.ts': '',
    'docs/pictures/tree.png': '',
    ...files,
    'docs/a.md': text,
  }
  const rewriter = new Rewriter(PAGE_LIST, {
    read: (file) => all[file] ?? '',
    kindOf: (path) => {
      if (path in all) return 'file'
      return Object.keys(all).some((file) => file.startsWith(`${path}/`)) ? 'directory' : undefined
    },
  })
  return rewriter.rewrite(
    PAGE_LIST[1]!,
    ({ route }, anchor) => `/${route}${anchor}`,
    (path) => `/${path}`,
  )
}

describe('links', () => {
  test.each([
    ['another page', '[b](b.md)', '[b](/b)'],
    ['a heading of it', '[b](b.md#two-words-1 "title")', '[b](/b#two-words-1 "title")'],
    ['the first page', '[top](../README.md#using-it)', '[top](/index#using-it)'],
    ['a folder whose README is a page', '[`core`](../packages/core/)', '[`core`](/packages/core)'],
    [
      'a folder that is none',
      '[src](../packages/core/src)',
      '[src](https://github.com/livetree/livetree/tree/main/packages/core/src)',
    ],
    [
      'a file of the repository',
      '[src](../packages/core/src/index.ts#L3)',
      '[src](https://github.com/livetree/livetree/blob/main/packages/core/src/index.ts#L3)',
    ],
    [
      'a page by its address in the repository',
      '[b](https://github.com/livetree/livetree/blob/main/docs/b.md#two-words)',
      '[b](/b#two-words)',
    ],
    [
      'elsewhere',
      '[x](https://example.org/a.md) <mailto:a@b.c>',
      '[x](https://example.org/a.md) <mailto:a@b.c>',
    ],
    ['a definition', '[b]\n\n[b]: b.md', '[b]\n\n[b]: /b'],
    [
      'a page after a lone backtick',
      'a ` b\n\n`[x](gone.md)` [b](b.md) `',
      'a ` b\n\n`[x](gone.md)` [b](/b) `',
    ],
    ['an address with parentheses', '[x](https://example.org/a_(b))', '[x](https://example.org/a_(b))'],
    ['a title in other quotes', "[b]( b.md 'title' )", "[b]( /b 'title' )"],
    ['a text over two lines', '[a\nb](b.md)', '[a\nb](/b)'],
    ['a text with brackets', '[a [b] c](b.md)', '[a [b] c](/b)'],
    ['two on a line', '[b](b.md), [b](b.md)', '[b](/b), [b](/b)'],
    ['code', '`[b](gone.md)` ``a ` [b](gone.md)``', '`[b](gone.md)` ``a ` [b](gone.md)``'],
    ['a block', '```ts\n[b](gone.md)\n```\n', '```ts\n[b](gone.md)\n```\n'],
    [
      'a block of tildes with a fence in it',
      '~~~\n```\n[b](gone.md)\n~~~\n[b](b.md)',
      '~~~\n```\n[b](gone.md)\n~~~\n[b](/b)',
    ],
  ])('to %s', (_what, text, expected) => {
    expect(rewrite(text)).toMatchObject({ text: expected, faults: [] })
  })

  test('pictures are copied, also in a link', () => {
    const { text, pictures } = rewrite('![a (b)](pictures/tree.png) [![c](pictures/tree.png)](b.md)')
    expect(text).toBe('![a (b)](/docs/pictures/tree.png) [![c](/docs/pictures/tree.png)](/b)')
    expect(pictures).toEqual(['docs/pictures/tree.png', 'docs/pictures/tree.png'])
  })

  test.each([
    ['a file that is not there', 'a\n\n[b](gone.md)', 3, /gone\.md, and there is no docs\/gone\.md/],
    ['a picture that is not there', '![b](pictures/gone.png)', 1, /docs\/pictures\/gone\.png/],
    ['one outside of the repository', '[b](../../b.md)', 1, /no \.\.\/b\.md/],
    ['a heading that is not there', 'a\n[b](b.md#two)', 2, /#two of docs\/b\.md.*#two-words/],
    ['one that is badly written', '[b](100%.md)', 1, /100%\.md/],
    ['a heading that is badly written', '[b](b.md#100%)', 1, /#100%/],
    ['a heading of this page', '[b](#gone)', 1, /#gone of docs\/a\.md/],
    [
      'one that the address names',
      '[b](https://github.com/livetree/livetree/blob/main/docs/c.md)',
      1,
      /docs\/c\.md/,
    ],
  ])('a dead one: %s', (_what, text, line, message) => {
    const { faults } = rewrite(text)
    expect(faults).toEqual([{ file: 'docs/a.md', line, message: expect.stringMatching(message) }])
  })

  test('are looked for in a time that grows with the length alone', () => {
    for (const unit of ['![a](b) ', '[', '`', '![', '[a](', '``` '])
      expect(linksOf(`[${unit.repeat(3_000)}`).length).toBeLessThanOrEqual(3_000)
  })

  test('are found with their lines', () => {
    expect(
      linksOf('[a](b)\n\n- ![c](d)\n').map(({ target, line, isPicture }) => [target, line, isPicture]),
    ).toEqual([
      ['b', 1, false],
      ['d', 3, true],
    ])
  })
})

test.each([
  ['## To change …', 'to-change-'],
  ['### `load(options?)`, and `close`', 'loadoptions-and-close'],
  ['## @nestjs/config', 'nestjsconfig'],
  ['## From [kazoo](a.md) ##', 'from-kazoo'],
  ['## Größe_1 – 2', 'größe_1--2'],
  ['# 6. Tests', '6-tests'],
])('the anchor of %s', (heading, anchor) => {
  expect([...anchorsOf(`${heading}\n`)]).toEqual([anchor])
})

test('a heading in code has no anchor, and one of the same name has a number', () => {
  expect([...anchorsOf('# A\n```sh\n# B\n```\n# A\n# A\n')]).toEqual(['a', 'a-1', 'a-2'])
})

test('a page that is not listed, and one that is gone, are named', () => {
  expect(unlisted(PAGE_LIST.slice(1), ['README.md', 'docs/a.md', 'docs/b.md'])).toEqual([
    { file: 'README.md', line: 1, message: expect.stringContaining('Add it to a group of site/pages.ts') },
    { file: 'packages/core/README.md', line: 1, message: expect.stringContaining('Remove it from the list') },
  ])
})

describe('the site', () => {
  test('has every page of docs/ and every README of a package', () => {
    expect(unlisted(PAGES, pageFiles())).toEqual([])
    expect(new Set(PAGES.map(({ route }) => route)).size).toBe(PAGES.length)
  })

  test('has no dead link, and no link to a heading that is not there', () => {
    const rewriter = new Rewriter(PAGES, openRepository())
    const faults = PAGES.flatMap((page) => rewriter.rewrite(page, ({ route }) => route, String).faults)
    expect(faults).toEqual([])
  })
})
