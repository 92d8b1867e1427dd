import { describe, expect, it, test } from 'vitest'
import { WrittenScalar } from '../format/written-scalar.ts'
import { flatten } from './flatten.ts'
import { type DocumentFormat, parseDocument } from './parse-document.ts'
import { Unreadable } from './source.ts'

const BIG = new WrittenScalar(9007199254740993n, '9007199254740993')

const parse = (text: string, format: DocumentFormat) => parseDocument(Buffer.from(text), format)

async function leaves(text: string, format: DocumentFormat): Promise<Record<string, unknown>> {
  return Object.fromEntries(flatten(await parse(text, format)).map((leaf) => [leaf.path, leaf.value]))
}

async function reason(text: string, format: DocumentFormat): Promise<string> {
  const value = await parse(text, format)
  expect(value).toBeInstanceOf(Unreadable)
  return (value as Unreadable).reason
}

describe('parseDocument', () => {
  it.each<[string, DocumentFormat, string, Record<string, unknown>]>([
    [
      'JSON',
      'json',
      '{"a":{"b":1,"c":[1,{"d":true}]},"e":null}',
      { 'a/b': 1, 'a/c': [1, { d: true }], e: null },
    ],
    ['JSON with a byte order mark', 'json', '\uFEFF{"a":1}', { a: 1 }],
    ['JSON numbers that would lose digits', 'json', '{"a":[9007199254740993]}', { a: [BIG] }],
    [
      'YAML',
      'yaml',
      'a:\n  b: 1\n  c: [1, {d: true}]\ne: ~\n',
      { 'a/b': 1, 'a/c': [1, { d: true }], e: null },
    ],
    ['YAML numbers that would lose digits', 'yaml', 'a: 9007199254740993', { a: BIG }],
    ['YAML dates and words as text', 'yaml', 'a: 2024-01-01\nb: yes', { a: '2024-01-01', b: 'yes' }],
    [
      'YAML merge keys',
      'yaml',
      'x: &x {p: 1, q: 2}\ny: {<<: *x, q: 3}',
      { 'x/p': 1, 'x/q': 2, 'y/p': 1, 'y/q': 3 },
    ],
    ['a byte order mark before YAML', 'yaml', '\uFEFFa: 1\r\nb:\r\n  c: x\r\n', { a: 1, 'b/c': 'x' }],
    ['sexagesimal and octal text', 'yaml', 'a: 1:30:00\nb: 1_000', { a: '1:30:00', b: '1_000' }],
    ['tagged text', 'yaml', 'a: !!str 1.10\nb: !!timestamp 2001-01-01', { a: '1.10', b: '2001-01-01' }],
    ['a whole number as a float', 'yaml', 'a: !!float 3\nb: !!float "-7"\nc: 3', { a: 3, b: -7, c: 3 }],
    ['binary', 'yaml', 'a: !!binary aGVsbG8=', { a: Buffer.from('hello') }],
    ['aliases as names', 'yaml', '&a key: &b 1\nother: {*a : *b}', { key: 1, 'other/key': 1 }],
    ['an anchor that is set again', 'yaml', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', { a: 1, b: 1, c: 2, d: 2 }],
    ['a quoted merge key as a name', 'yaml', 'a: {"<<": {x: 1}}', { 'a/<</x': 1 }],
    ['YAML keys that are numbers', 'yaml', '8080: open', { 8080: 'open' }],
    ['names that hold a slash', 'yaml', '"a/b": {"50%": 1}', { 'a%2Fb/50%25': 1 }],
  ])('reads %s', async (_what, format, text, expected) => {
    expect(await leaves(text, format)).toEqual(expected)
  })

  it.each(['', '# only a comment\n', '---\n'])('finds nothing in the YAML %j', async (text) => {
    expect(await parse(text, 'yaml')).toBeUndefined()
  })

  it.each<[string, DocumentFormat, string, RegExp]>([
    ['an unquoted word', 'json', '{\n "a": hunter2}', /^not valid JSON at line 2, column 7$/],
    ['a trailing comma', 'json', '{"a": "hunter2",}', /line 1, column 17/],
    ['a missing bracket', 'json', '["hunter2"', /line 1, column 11/],
    ['an empty file', 'json', '', /line 1, column 1/],
    ['an open list', 'yaml', 'a: [1\nsecret: hunter2', /^not valid YAML at line 2, column \d+: bad indent$/],
    ['a name given twice', 'yaml', 'a: 1\na: hunter2', /line 2, column 1: duplicate key/],
    [
      'two documents',
      'yaml',
      'a: hunter2\n---\nb: 2',
      /line 2, column 1: more than one document in the file/,
    ],
    [
      'documents after an end',
      'yaml',
      'a: 1\n...\n---\nb: hunter2',
      /line 3, column 1: more than one document/,
    ],
    [
      'YAML 1.1',
      'yaml',
      '%YAML 1.1\n---\na: 1:30:00',
      /the directive %YAML 1\.1, and only YAML 1\.2 is read/,
    ],
    [
      'another directive',
      'yaml',
      '%FOO hunter2\n---\na: 1',
      /line 1, column 1: a directive that is not known/,
    ],
    ['a float that is none', 'yaml', 'a: !!float hunter2', /does not fit its value/],
    ['a tag that does not fit', 'yaml', 'a: !!int hunter2', /does not fit its value/],
    ['a set', 'yaml', 'a: !!set {hunter2}', /a tag of a collection that is not a plain map or list/],
    ['an ordered map', 'yaml', 'a: !!omap [x: hunter2]', /a tag of a collection/],
    ['pairs', 'yaml', 'a: !!pairs [x: hunter2]', /a tag of a collection/],
    ['binary that is none', 'yaml', 'a: !!binary "%%hunter2"', /a !!binary that is not base64/],
    ['a NUL', 'yaml', 'a: hunter2\0', /line 1, column 11: the control character U\+0000/],
    ['a NUL in a name', 'yaml', '"a\0": hunter2', /the control character U\+0000/],
    ['a later byte order mark', 'yaml', 'a: 1\n\uFEFFb: hunter2', /line 2, column 1: a byte order mark/],
    ['a tab as indentation', 'yaml', 'a:\n\tb: hunter2', /line 2, column 1: tab as indent/],
    ['text after its first error', 'yaml', 'a: [1, 2\nb: hunter2\nc: 3', /line 2, column 1: bad indent/],
    ['an alias of a map as a name', 'yaml', 'a: &a {x: 1}\n*a : hunter2', /a name that is not a scalar/],
    ['an alias as a name, twice', 'yaml', '&a key: 1\n*a : hunter2', /line 2, column 1: duplicate key/],
    ['a merge key of nothing', 'yaml', 'a: {<<: }', /a merge key whose value is no map/],
    [
      'an unknown tag',
      'yaml',
      'a: !js hunter2',
      /line 1, column 4: a tag that is not known, or does not fit its value/,
    ],
    ['an alias without anchor', 'yaml', 'a: *hunter2', /alias/],
  ])('names the place of %s and quotes nothing', async (_what, format, text, expected) => {
    const words = await reason(text, format)
    expect(words).toMatch(expected)
    expect(words).not.toContain('hunter2')
  })

  it('refuses bytes that are not UTF-8', async () => {
    const value = await parseDocument(Uint8Array.of(0x7b, 0xff, 0x7d), 'json')
    expect((value as Unreadable).reason).toBe('the file is not UTF-8 text')
  })

  it('does not unfold aliases without bound', async () => {
    let bomb = 'a0: &a0 [x,x,x,x,x,x,x,x,x]\n'
    for (let i = 1; i < 10; i++) bomb += `a${i}: &a${i} [${Array(9).fill(`*a${i - 1}`)}]\n`
    expect(await reason(bomb, 'yaml')).toMatch(/aliases/)
    // what is merged again and again stays as small as it is
    let merges = 'a0: &a0 {k0: 1}\n'
    for (let i = 1; i < 40; i++) merges += `a${i}: &a${i} {k${i}: 1, <<: [${Array(9).fill(`*a${i - 1}`)}]}\n`
    expect(Object.keys(await leaves(merges, 'yaml'))).toHaveLength((40 * 41) / 2)
    const wide = `a: &a {${Array.from({ length: 2_000 }, (_, i) => `k${i}: 1`)}}\n`
    expect(await reason(`${wide}b: {<<: [${Array(2_000).fill('*a')}]}`, 'yaml')).toMatch(/aliases/)
  })

  it('does not unfold more in many documents than in one', async () => {
    let document = 'a0: &a0 [x,x,x,x,x,x,x,x,x]\n'
    for (let i = 1; i < 4; i++) document += `a${i}: &a${i} [${Array(9).fill(`*a${i - 1}`)}]\n`
    const parsed = (count: number) =>
      parseDocument(Buffer.from(Array(count).fill(document).join('---\n')), 'yaml', {
        names: ['prod'],
        read: (profile) => profile,
      })
    expect(await parsed(1)).not.toBeInstanceOf(Unreadable)
    expect(((await parsed(100)) as Unreadable).reason).toMatch(/aliases that unfold into too much/)
    // An anchor is one of its document.
    const other = parseDocument(Buffer.from('a: &a 1\n---\nb: *a\n'), 'yaml', {
      names: ['prod'],
      read: (profile) => profile,
    })
    expect(((await other) as Unreadable).reason).toMatch(/alias/)
  })

  it('merges as much as its length tells, however the merge keys are chained', async () => {
    const chain = (count: number) => {
      let text = 'm0: &m0 {k0: 0}\n'
      for (let i = 1; i < count; i++) text += `m${i}: &m${i} {<<: *m${i - 1}, k${i}: ${i}}\n`
      return text
    }
    const short = flatten((await parseDocument(Buffer.from(chain(100)), 'yaml')) as object)
    expect(short.filter(({ path }) => path.startsWith('m99/'))).toHaveLength(100)
    // 20 kB that stand for 245,000 values.
    expect(await reason(chain(700), 'yaml')).toMatch(/aliases that unfold into too much/)
    const wide = `base: &base {${Array.from({ length: 20 }, (_, i) => `k${i}: ${i}`)}}\n`
    const many = Array.from({ length: 2_000 }, (_, i) => `name${i}: {<<: *base, own: ${i}}\n`).join('')
    expect(await parseDocument(Buffer.from(wide + many), 'yaml')).not.toBeInstanceOf(Unreadable)
  })

  it.each([
    ['5', 5],
    ['true', true],
    ['"5"', '5'],
    ['word', 'word'],
    ['~', null],
  ])('reads an alias of the name %s as the value that it is elsewhere', async (name, value) => {
    const parsed = flatten((await parseDocument(Buffer.from(`{&a ${name} : x, v: *a}`), 'yaml')) as object)
    expect(parsed.find(({ path }) => path === 'v')).toMatchObject({ value })
    const twice = `{m: {&a ${name} : x}, n: {*a : y}}`
    const [m, n] = flatten((await parseDocument(Buffer.from(twice), 'yaml')) as object)
    expect(n?.path).toBe(m?.path.replace('m/', 'n/'))
  })

  it('reads an anchor before a name in a block as that of the name', async () => {
    const parsed = flatten((await parseDocument(Buffer.from('&a key: 1\nother: *a\n'), 'yaml')) as object)
    expect(parsed).toMatchObject([
      { path: 'key', value: 1 },
      { path: 'other', value: 'key' },
    ])
  })

  it('does not follow an alias in a circle', async () => {
    expect(await reason('a: &a\n  b: *a\n', 'yaml')).toMatch(/aliases/)
  })

  it.each<DocumentFormat>(['json', 'yaml'])('survives very deep %s', async (format) => {
    const value = await parse('['.repeat(50_000) + ']'.repeat(50_000), format)
    const found = value instanceof Unreadable ? value : flatten(value)[0]!.value
    expect(JSON.stringify(found).length).toBeLessThan(2_000)
    const nested = await leaves(`${'{"a":'.repeat(150)}1${'}'.repeat(150)}`, format)
    expect(Object.values(nested)).toEqual([new Unreadable('nested more than 100 levels deep')])
  })

  it('refuses YAML lists in lists in lines, whether or not they exhaust the parser itself', async () => {
    for (const depth of [1_000, 2_000, 3_000, 5_000, 20_000]) {
      const value = await parse('- '.repeat(depth), 'yaml')
      const found = value instanceof Unreadable ? value : flatten(value)[0]!.value
      expect(found).toBeInstanceOf(Unreadable)
      expect((found as Unreadable).reason).toMatch(/nested too deeply|not valid YAML|100 levels/)
    }
  })

  it.each<DocumentFormat>(['json', 'yaml'])(
    'keeps __proto__ in %s from reaching a prototype',
    async (format) => {
      const found = await leaves(
        '{"__proto__": {"polluted": 1}, "list": [{"__proto__": {"polluted": 1}}]}',
        format,
      )
      expect(Object.keys(found)).toEqual(['__proto__/polluted', 'list'])
      const [item] = found.list as [object]
      expect(Object.getPrototypeOf(item)).toBe(Object.prototype)
      expect(Object.getOwnPropertyNames(item)).toEqual(['__proto__'])
      expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    },
  )

  describe('the cost of YAML', () => {
    it.each<[string, string]>([
      ['items of a flow list', `r: [${'1,'.repeat(750_000)}1]`],
      ['items of a list', `r:\n${'  - 1\n'.repeat(250_000)}`],
      ['maps in a list', `r:\n${'  - {a: 1}\n'.repeat(140_000)}`],
      ['anchors', `r:\n${'  - &a 1\n'.repeat(160_000)}`],
      ['line feeds', '\n'.repeat(1_500_000)],
      ['comments', '#\n'.repeat(750_000)],
    ])('is bounded for %s', async (_what, text) => {
      const before = process.cpuUsage()
      expect(await reason(text, 'yaml')).toMatch(/more than 250,000 tokens.*limit for YAML.*JSON/)
      const { user, system } = process.cpuUsage(before)
      expect(user + system).toBeLessThan(20_000_000)
    })

    it('is bounded for one long text', async () => {
      expect(await reason(`r: ${'a'.repeat(5_000_000)}`, 'yaml')).toMatch(/more than 4 MB.*JSON/)
      expect(await leaves(`r: ${'a'.repeat(4_000_000)}`, 'yaml')).toEqual({ r: 'a'.repeat(4_000_000) })
    })

    it('allows a thousand services with twenty settings each', async () => {
      const settings = Array.from({ length: 20 }, (_, index) => `  setting${index}: a value of it\n`).join('')
      const text = Array.from({ length: 1000 }, (_, index) => `s${index}:\n${settings}`).join('')
      expect(Object.keys(await leaves(text, 'yaml'))).toHaveLength(20_000)
    })
  })
})

test.each(['yaml', 'json', 'jsonc', 'toml'] as const)(
  'parseDocument: says that a variable stands in quotes, where it does not: %s',
  async (format) => {
    const reasonOf = async (items: string, isExpanded: boolean) => {
      const text = { yaml: `l: ${items}`, toml: `l = ${items}` }[format as string] ?? `{"l": ${items}}`
      return ((await parseDocument(Buffer.from(text), format, undefined, isExpanded)) as Unreadable).reason
    }
    for (const items of [`[\${HOME}, \${B}]`, `{"x": \${B}}`])
      expect(await reasonOf(items, true)).toMatch(
        /^not valid .*\. Write a variable here in quotes: "\$\{VAR\}"$/,
      )
    expect(await reasonOf(`[\${A}]`, false)).not.toMatch(/in quotes/)
    for (const items of [`["\${A}", ]]`, '[$A}]]'])
      expect(await reasonOf(items, true)).not.toMatch(/in quotes/)
  },
)
