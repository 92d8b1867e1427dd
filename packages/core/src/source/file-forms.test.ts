import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { LivetreeError } from '../errors.ts'
import { sealed } from '../schema/sealed.ts'
import { secret } from '../schema/secret.ts'
import { recordSource, type SourceRecorder } from '../testing/record-source.ts'
import { WrittenScalar } from '../format/written-scalar.ts'
import { type FileOptions, file } from './file.ts'
import { memory } from './memory.ts'
import { Unreadable } from './source.ts'

let directory: string
const open: SourceRecorder[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-forms-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((recorder) => recorder.connection.close()))
  await rm(directory, { recursive: true })
})

async function leaves(name: string, text: string, options: FileOptions = {}): Promise<unknown> {
  const path = join(directory, name)
  await writeFile(path, text)
  const recorder = recordSource(file(path, { pollMs: 0, watch: false, ...options }))
  open.push(recorder)
  await expect.poll(() => recorder.calls).not.toHaveLength(0)
  const held = recorder.layer()
  return held[''] instanceof Unreadable ? held[''].reason : held
}

const refusal = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return error instanceof LivetreeError ? error.message : error
  }
  return undefined
}

describe('file: the place', () => {
  it('takes a file: URL, and names the file by its path', async () => {
    const path = join(directory, 'with blank.json')
    await writeFile(path, '{"a": 1}')
    const source = file(pathToFileURL(path), { watch: false })
    expect(source.name).toBe(`file:${path}`)
    const recorder = recordSource(source)
    open.push(recorder)
    await expect.poll(() => recorder.layer()).toEqual({ a: 1 })
  })

  it.each([new URL('https://host/a.json'), 'file:///a.json', '', {}])('refuses %s', (place) => {
    expect(refusal(() => file(place as string))).toMatch(
      /^\[invalid_options\] file\(\) got path = .*; expected the path of a file, or a file: URL\.$/,
    )
  })
})

describe('file: JSON with comments', () => {
  const text =
    '// first\n{ "a": 1, /* "x": 2, */ "b": [1, 2, /* */ ], // "//"\n "c": "// no comment", }\n/* last */'
  it('reads comments and commas after the last item', async () => {
    const expected = { a: 1, b: [1, 2], c: '// no comment' }
    expect(await leaves('a.jsonc', text)).toEqual(expected)
    expect(await leaves('a.json', text, { format: 'jsonc' })).toEqual(expected)
  })

  it.each([
    ['{ "a": 1, // x', 'not valid JSON at line 1, column 15'],
    ['{ "a": 1 } /* x', 'not valid JSON at line 1, column 12'],
    ['{ "a": / 1 }', 'not valid JSON at line 1, column 8'],
    ['{ "a": 1,, }', 'not valid JSON at line 1, column 10'],
    ['{ , }', 'not valid JSON at line 1, column 3'],
    ['[ , ]', 'not valid JSON at line 1, column 3'],
  ])('refuses %s', async (wrong, words) => {
    expect(await leaves('a.jsonc', wrong)).toBe(words)
  })

  it('says in plain JSON where comments are taken', async () => {
    expect(await leaves('a.json', '{\n  // x\n}')).toBe(
      "not valid JSON at line 2, column 3. Comments are taken in a .jsonc file, or with { format: 'jsonc' }",
    )
    expect(await leaves('a.json', '{"a": [1,]}')).toBe('not valid JSON at line 1, column 10')
  })
})

describe('file: documents by profile', () => {
  const text = [
    'db: { pool: { max: 1, min: 1 }, hosts: [a] }',
    'profile: prod\ndb: { pool: { max: 50 }, hosts: [b, c] }',
    'profile: [staging, prod]\nlog: info',
    '# nothing',
    'profile: staging\nlog: debug',
  ].join('\n---\n')

  const values = z.object({
    db: z.object({ pool: z.record(z.string(), z.number()), hosts: z.array(z.string()) }),
    log: z.string().default('none'),
  })
  async function load(content: string, profile: string | string[]) {
    const path = join(directory, 'a.yaml')
    await writeFile(path, content)
    const source = file(path, { profile, watch: false, name: 'own' })
    return defineConfig({ name: 'profiles', schema: values }).load({ sources: [source], logger: false })
  }

  const base = { pool: { max: 1, min: 1 }, hosts: ['a'] }
  const prod = { pool: { max: 50, min: 1 }, hosts: ['b', 'c'] }
  it.each<[string | string[], unknown]>([
    ['prod', { db: prod, log: 'info' }],
    [['staging'], { db: base, log: 'debug' }],
    [['prod', 'staging'], { db: prod, log: 'debug' }],
    ['none', { db: base, log: 'none' }],
    [[], { db: base, log: 'none' }],
  ])('%j', async (profile, expected) => {
    await using config = await load(text, profile)
    expect(config.current).toEqual(expected)
  })

  it.each<[string, string, string, unknown, string]>([
    [
      'a document counts no more',
      'log: a\n---\nprofile: prod\nlog: b',
      ' (document 2)#/profile',
      'eu',
      'log: a',
    ],
    ['nor the first one', 'log: a', '#/profile', 'eu', '{}'],
    [
      'one counts from now on',
      'log: a\n---\nprofile: eu\nlog: b',
      ' (document 2)#/profile',
      'prod',
      'log: b',
    ],
    ['for several', 'profile: eu\nlog: a', '#/profile', ['eu', 'prod'], 'log: a'],
    ['for all', 'profile: eu\nlog: a', '#/profile', undefined, 'log: a'],
    ['a document as a whole', 'profile: prod\nlog: a', '#', { profile: 'eu', log: 'b' }, '{}'],
    ['the same, which counts', 'profile: eu\nlog: a', '#', { profile: 'prod', log: 'b' }, 'log: b'],
    ['a whole one without a profile', 'profile: eu\nlog: a', '#', { log: 'b' }, 'log: b'],
    ['a value of one that does not count', 'log: a\n---\nprofile: eu', ' (document 2)#/log', 'b', 'log: a'],
    ['a value of one that does', 'profile: prod\nlog: a', '#/log', 'b', 'log: b'],
    ['variables in a profile', 'profile: prod\nlog: a', '#/profile', '$' + '{PROFILE}', 'log: a'],
    ['and none in what stands for one', 'profile: prod\nlog: a', '#/profile', '$$' + '{PROFILE}', '{}'],
    ['a file with nothing in it', '# nothing', '#/log', 'b', 'log: b'],
  ])('preview: %s', async (_what, before, key, value, after) => {
    const schema = z.object({ log: z.string().default('none') })
    const path = join(directory, 'a.yaml')
    const options = { profile: 'prod', watch: false, name: 'own', expand: { PROFILE: 'prod' } }
    const load = async (content: string) => {
      await writeFile(path, content)
      // a file that was written long ago is read at once
      await utimes(path, 1, 1)
      return defineConfig({ name: 'p', schema }).load({ sources: [file(path, options)], logger: false })
    }
    await using really = await load(after)
    await using config = await load(before)
    const preview = config.preview([{ layer: 'own', key: path + key, value }])
    const next = preview.type === 'valid' ? preview.changes.map((change) => change.next) : preview
    const isSame = really.current.log === config.current.log
    expect(next).toEqual(isSame ? [] : [really.current.log])
    expect(preview.unused).toEqual([])
    expect(() => config.preview([{ layer: 'own', key: `${path}#/profile`, value: { a: 'b' } }])).toThrow(
      '[invalid_options] preview() got a profile that is neither a name nor a list of names, with which the file could not be read.',
    )
  })

  it('explain names the document that wins, and those that it shadows', async () => {
    await using config = await load(text, 'prod')
    const keys = config.explain('db.pool.max').layers.map(({ origin, value }) => [origin.key, value])
    const path = join(directory, 'a.yaml')
    expect(keys).toEqual([
      [`${path} (document 2)#/db/pool/max`, 50],
      [`${path}#/db/pool/max`, 1],
    ])
    expect(config.explain('log').layers[0]?.origin.key).toBe(`${path} (document 3)#/log`)
  })

  it('an invalid value is reported with its document', async () => {
    const found = load('db: { pool: {}, hosts: [] }\n---\ndb: { pool: { max: ten } }', 'x')
    await expect(found).rejects.toThrow('(document 2)#/db/pool/max')
  })

  it('a document that is no object is reported with its place', async () => {
    const found = load('db: { pool: {}, hosts: [] }\n---\n- b', 'x')
    await expect(found).rejects.toThrow('expected object, received array')
    await expect(found).rejects.toThrow('(document 2)')
  })

  it.each<[string, string]>([
    ['db: { pool: { max: 1 } }\n---\nprofile: prod\nlog: info', ' (document 2)'],
    ['db: { pool: { max: 1 } }\n---\nprofile: prod', ''],
    ['db: { pool: { max: 1 } }\n---\nprofile: staging\nlog: info', ''],
    ['db: { pool: { max: 1 } }', ''],
    ['{}', ''],
  ])(
    'a missing value is asked for in the last document with values that counts: %#',
    async (given, document) => {
      const error: unknown = await load(given, 'prod').catch((thrown: unknown) => thrown)
      expect(error).toHaveProperty('message', expect.stringContaining(`a.yaml${document}#/db/hosts`))
    },
  )

  it.each([
    ['2024', '2024'],
    ['[true, 0x1F]', 'true'],
    ['[true, 0x1F]', '0x1F'],
    ['1.10', '1.10'],
    ['12345678901234567890123', '12345678901234567890123'],
  ])('%s names the profile %s, as it is written', async (own, profile) => {
    expect(await leaves('a.yaml', `profile: ${own}\na: 2`, { profile })).toEqual({ a: 2 })
    expect(await leaves('b.yaml', `profile: ${own}\na: 2`, { profile: '31' })).toEqual({})
  })

  it('takes 100 documents, and says what to do with more', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => `db: { pool: { p${at}: ${at} }, hosts: [] }`).join('\n---\n')
    await using config = await load(many(100), 'x')
    expect(Object.keys(config.current.db.pool)).toHaveLength(100)
    await expect(load(many(101), 'x')).rejects.toThrow(
      'not valid YAML at line 201, column 1: more than 100 documents: split the file into several',
    )
  })

  it('text that cannot be read removes nothing; what is mended counts', async () => {
    const pool = (from: number) => Array.from({ length: 10 }, (_, at) => `p${from + at}: ${at}`).join(', ')
    const path = join(directory, 'a.yaml')
    const good = `db: { pool: { ${pool(0)} }, hosts: [] }\n---\ndb: { pool: { ${pool(10)} } }`
    await writeFile(path, good)
    const sources = [file(path, { profile: [], pollMs: 0, name: 'own' })]
    await using config = await defineConfig({ name: 'profiles', schema: values }).load({
      sources,
      logger: false,
    })
    await writeFile(path, `${good}\n{{`)
    await config.refresh()
    expect(config.status.rejected?.issues.map(({ code }) => code)).toEqual(['unreadable'])
    await writeFile(path, `${good}\n---\nlog: warn`)
    await config.refresh()
    expect(config.status.rejected).toBeUndefined()
    expect(config.current.log).toBe('warn')
  })

  describe('what a document hides', () => {
    const schema = z.object({
      f: z.record(z.string(), z.record(z.string(), z.number())).default({}),
      port: z.number().default(80),
      tags: z.array(z.string()).default([]),
    })
    const lower = { f: { a: { x: 1 }, b: { y: 2 } }, port: 81, tags: ['low'] }
    const EMPTY = 'livetree:empty'
    const REMOVE = 'livetree:remove'
    const rest = { port: 81, tags: ['low'] }

    it.each<[string, string[], object]>([
      ['empties; a later one adds', [`f: ${EMPTY}`, 'f: { c: { z: 3 } }'], { ...rest, f: { c: { z: 3 } } }],
      ['empties by a variable', ['f: ${HIDE}', 'f: { c: { z: 3 } }'], { ...rest, f: { c: { z: 3 } } }],
      [
        'empties, twice',
        [`f: ${EMPTY}`, 'f: { c: { z: 3 } }', 'f: { d: {} }'],
        { ...rest, f: { c: { z: 3 }, d: {} } },
      ],
      [
        'empties what one before it has',
        ['f: { c: { z: 3 } }', `f: ${EMPTY}`, 'f: { d: { w: 4 } }'],
        { ...rest, f: { d: { w: 4 } } },
      ],
      [
        'empties with a line feed',
        [`f: |\n  ${EMPTY}`, 'f: { c: { z: 3 } }'],
        { ...rest, f: { c: { z: 3 } } },
      ],
      ['empties; a later one has nothing in it', [`f: ${EMPTY}`, 'f: {}'], { ...rest, f: {} }],
      [
        'removes an entry; a later one has another',
        [`f: { a: ${REMOVE} }`, 'f: { c: { z: 3 } }'],
        { ...rest, f: { b: { y: 2 }, c: { z: 3 } } },
      ],
      [
        'removes an entry; a later one puts it back',
        [`f: { a: ${REMOVE} }`, 'f: { a: { z: 3 } }'],
        { ...rest, f: { a: { z: 3 }, b: { y: 2 } } },
      ],
      [
        'removes all; a later one adds',
        [`f: ${REMOVE}`, 'f: { a: { z: 3 } }'],
        { ...rest, f: { a: { z: 3 } } },
      ],
      [
        'removes in what is emptied',
        [`f: ${EMPTY}`, `f: { a: { z: 3 }, c: ${REMOVE} }`, 'f: { c: { z: 3 } }'],
        { ...rest, f: { a: { z: 3 }, c: { z: 3 } } },
      ],
      [
        'removes; a later one has a value',
        [`{ port: ${REMOVE}, tags: ${EMPTY} }`, '{ port: 82, tags: [x] }'],
        { f: lower.f, port: 82, tags: ['x'] },
      ],
      [
        'removes; a later one is silent',
        [`{ port: ${REMOVE}, tags: ${EMPTY} }`, 'f: { a: { x: 5 } }'],
        { f: { a: { x: 5 }, b: { y: 2 } }, port: 80, tags: [] },
      ],
      [
        'has a value; a later one removes',
        ['{ port: 82, tags: [x], f: { c: { z: 3 } } }', `{ port: ${REMOVE}, tags: ${REMOVE}, f: ${REMOVE} }`],
        { f: {}, port: 80, tags: [] },
      ],
    ])('%s', async (_what, documents, expected) => {
      const path = join(directory, 'a.yaml')
      await writeFile(path, documents.join('\n---\n'))
      const upper = file(path, { profile: [], watch: false, expand: { HIDE: EMPTY } })
      const sources = [memory(lower), upper]
      await using config = await defineConfig({ name: 'profiles', schema }).load({ sources, logger: false })
      expect(config.current).toEqual(expected)
    })
  })

  it.each<[string, string | undefined, string]>([
    [
      text,
      undefined,
      'not valid YAML at line 2, column 1: more than one document in the file: give file() a profile, which tells which of them count',
    ],
    [
      'a: 1\n---\nprofile: { a: b }',
      'x',
      'not valid YAML at line 3, column 1: a profile that is neither a name nor a list of names',
    ],
    [
      'profile: null\na: 1',
      'x',
      'not valid YAML at line 1, column 1: a profile that is neither a name nor a list of names',
    ],
    ['a: 1\n---\nb: 1\nb: 2', 'x', 'not valid YAML at line 4, column 1: duplicate key'],
    ['a: &x 1\n---\nb: *x', 'x', 'not valid YAML at line 3, column 4: an alias without anchor'],
  ])('refuses %#', async (wrong, profile, words) => {
    expect(await leaves('a.yaml', wrong, { profile })).toBe(words)
  })

  describe('compares a profile with its variables put in', () => {
    const valueFor = async (own: string, options: FileOptions) => {
      const first = await leaves('a.yaml', `profile: ${own}\na: 2`, options)
      return typeof first === 'string' ? first : Object.keys(first as object).length > 0
    }
    it.each<[string, string, unknown]>([
      ['${STAGE}', 'prod', true],
      ['${STAGE}', '${STAGE}', false],
      ['[x, "${NONE:-staging}"]', 'staging', true],
      ['$${STAGE}', '${STAGE}', true],
      // what a variable holds is left as it is
      ['${INNER}', '${STAGE}', true],
      [
        '${NONE}',
        'x',
        'not valid YAML at line 1, column 1: a profile with a variable that is not set. Set it, or write ${VAR:-default}; "$${" stands for "${"',
      ],
    ])('%s for %s', async (own, profile, expected) => {
      const expand = { STAGE: 'prod', INNER: '${STAGE}' }
      expect(await valueFor(own, { profile, expand })).toBe(expected)
    })

    it('not without `expand`', async () => {
      expect(await valueFor('${STAGE}', { profile: '${STAGE}' })).toBe(true)
      expect(await valueFor('${STAGE}', { profile: 'prod' })).toBe(false)
    })
  })

  it('is for YAML only', () => {
    expect(refusal(() => file('a.json', { profile: 'x' }))).toBe(
      '[invalid_options] file() got a profile for a.json, which is JSON: only YAML files have several documents.',
    )
    expect(refusal(() => file('a.yaml', { profile: '' }))).toContain('expected the name of a profile')
  })

  it('without the option, `profile` is a name like others', async () => {
    expect(await leaves('a.yaml', 'profile: prod\na: 1')).toEqual({ profile: 'prod', a: 1 })
  })
})

describe('file: TOML', () => {
  it('reads tables, lists, dates as text, and whole numbers exactly', async () => {
    const text = [
      'title = "x"',
      'at = 1979-05-27T07:32:00-08:00',
      'day = 1979-05-27',
      'big = 9007199254740993',
      'hex = 0xff',
      '[db.pool]',
      'max = 5',
      'share = 0.5',
      '[[servers]]',
      'name = "a"',
      '[[servers]]',
      'name = "b"',
      '["a/b"]',
      'constructor = true',
    ].join('\n')
    expect(await leaves('a.toml', text)).toEqual({
      title: 'x',
      at: '1979-05-27T07:32:00-08:00',
      day: '1979-05-27',
      big: new WrittenScalar(9007199254740993n, '9007199254740993'),
      hex: new WrittenScalar(255, '0xff'),
      'db/pool/max': 5,
      'db/pool/share': 0.5,
      servers: [{ name: 'a' }, { name: 'b' }],
      'a%2Fb/constructor': true,
    })
  })

  it.each([
    ['a = hunter2', 'not valid TOML at line 1, column 5: invalid value'],
    [
      'a = 1\na = 2',
      'not valid TOML at line 2, column 1: trying to redefine an already defined table or value',
    ],
    ['a = "hunter2', 'not valid TOML at line 1, column 5: unfinished string'],
    [`a = ${'['.repeat(5_000)}`, 'not valid TOML at line 1, column 505: nested too deeply'],
    [`${'a.'.repeat(200_000)}a = 1`, 'TOML that is nested too deeply'],
    [
      `a = "${'x'.repeat(5 * 2 ** 20)}"`,
      'more than 4 MB of TOML. Write it as JSON, or split it into several files',
    ],
  ])('refuses %#, and quotes nothing', async (wrong, words) => {
    expect(await leaves('a.toml', wrong)).toBe(words)
  })

  it('has no value for a file without anything in it', async () => {
    expect(await leaves('a.toml', '# nothing\n')).toEqual({})
  })
})

describe('file: expand', () => {
  const schema = z.object({ db: z.object({ url: z.string(), port: z.number() }), hosts: z.array(z.string()) })
  const text = 'db: { url: "pg://${DB_HOST}", port: "${DB_PORT:-5432}" }\nhosts: ["${DB_HOST}", b]'

  const list = ['a.yaml', 'a.json', 'a.jsonc', 'a.toml']
  const asList = (name: string, items: string) =>
    ({ yaml: `l: ${items}`, toml: `l = ${items}` })[name.slice(2)] ?? `{"l": ${items}}`
  const places = ['../../../../docs/using.md', './file.ts', '../../../../docs/reference.md']

  it.each(places)('reads the list that %s documents, in every format', async (place) => {
    const page = await readFile(new URL(place, import.meta.url), 'utf8')
    const [, form = ''] = /a list is (?:written )?`([^`]+)`/.exec(page) ?? []
    expect(form).toContain('${')
    const expand = { A: 'a', B: 'b' }
    const read = await Promise.all(list.map((name) => leaves(name, asList(name, form), { expand })))
    expect(read).toEqual(list.map(() => ({ l: ['a', 'b'] })))
  })

  it('says that a variable stands in quotes, where it does not', async () => {
    expect(await leaves('a.yaml', 'l: [${A}]', { expand: true })).toMatch(/ in quotes: "\$\{VAR\}"$/)
  })

  it('reads variables as they are when the configuration is loaded, in every format', async () => {
    const path = join(directory, 'a.yaml')
    await writeFile(path, text)
    const variables: Record<string, string> = { DB_HOST: 'one' }
    const source = file(path, { expand: variables })
    const config = await defineConfig({ name: 'x', schema }).load({ sources: [source], logger: false })
    expect(config.current).toEqual({ db: { url: 'pg://one', port: 5432 }, hosts: ['one', 'b'] })
    await config.close()
    expect(await leaves('a.json', '{"a": "${X:-1}"}', { expand: true })).toEqual({ a: '1' })
    expect(await leaves('a.json', '{"a": "${X:-1}"}')).toEqual({ a: '${X:-1}' })
    expect(await leaves('a.toml', 'a = "${HOME:-1}"', { expand: true })).toEqual({
      a: process.env['HOME'] ?? '1',
    })
  })

  it('a variable that is missing makes the tree invalid, with its path, its key and what to do', async () => {
    const path = join(directory, 'a.yaml')
    await writeFile(path, text)
    const loading = defineConfig({ name: 'x', schema }).load({
      sources: [file(path, { expand: {} })],
      logger: false,
    })
    const error = await loading.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect((error as LivetreeError).message).toContain(
      'Cannot be read: the variable DB_HOST, which is not set. Set it, or write ${DB_HOST:-default}',
    )
    expect((error as LivetreeError).issues?.[0]?.origins[0]?.key).toBe(`${path}#/db/url`)
  })

  it('says nothing of a secret that looks like a reference: at load, later, and in the log', async () => {
    const path = join(directory, 'a.yaml')
    const secrets = z.object({ password: secret(z.string()), sealed: sealed(z.string()) })
    const log: unknown[] = []
    const note = (...words: unknown[]) => void log.push(words)
    const logger = { debug: note, info: note, warn: note, error: note }
    const shop = defineConfig({ name: 'x', schema: secrets })
    const load = () => shop.load({ sources: [file(path, { expand: {}, pollMs: 0 })], logger })
    const bad = 'password: "pre${hunter2}post"\nsealed: "p${hunter2!x}"'
    await writeFile(path, bad)
    log.push(await load().catch((error: unknown) => error))
    await writeFile(path, 'password: a\nsealed: b')
    const config = await load()
    config.on('rejected', note)
    await writeFile(path, bad)
    await config.refresh().catch(note)
    await expect.poll(() => config.status.rejected).toBeDefined()
    log.push(config.status, config.health, config.explain('password'), config.explain('sealed'))
    await config.close()
    const printed = inspect(log, { depth: 20, maxArrayLength: null, showHidden: true }) + JSON.stringify(log)
    expect(printed).toContain('a variable that is not set')
    expect(printed).not.toContain('hunter')
  })
})
