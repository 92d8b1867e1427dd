import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { filesOf } from './create-project.ts'
import { COMMON_DEPENDENCIES, COMMON_DEV_DEPENDENCIES, FRAMEWORK_TABLE, FRAMEWORKS } from './frameworks.ts'
import { createProject } from './index.ts'
import { main } from './main.ts'

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'create-livetree-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Runs the command, on a terminal if there are answers. */
async function run(args: readonly string[], cwd: string, answers?: readonly string[], env = {}) {
  const isTTY = answers !== undefined
  const stdin = Object.assign(new PassThrough(), { isTTY })
  const stdout = Object.assign(new PassThrough(), { isTTY })
  const stderr = new PassThrough()
  const output = Promise.all([text(stdout), text(stderr)])
  const left = [...(answers ?? [])]
  // A person answers when asked.
  stdout.on('data', (part: Buffer) => {
    if (!/: $/.test(stripVTControlCharacters(String(part)))) return
    const answer = left.shift()
    if (answer === undefined) stdin.end()
    else stdin.write(`${answer}\n`)
  })
  if (!isTTY) stdin.end()
  const code = await main(args, { stdin, stdout, stderr, env, cwd })
  stdout.end()
  stderr.end()
  const [out, err] = await output
  return { code, out: stripVTControlCharacters(out), err }
}

describe('create-livetree writes', () => {
  test.each(FRAMEWORKS)(
    'an app on %s, with its name everywhere, and says what is next',
    async (framework) => {
      const cwd = emptyFolder()
      const { code, out, err } = await run(['shop', '--framework', framework], cwd)
      expect([code, err]).toEqual([0, ''])
      expect(out).toContain(
        `Created shop, on ${FRAMEWORK_TABLE[framework].title}, in shop/. Next:\n\n  cd shop\n  npm install\n  npm run dev`,
      )
      const files = readdirSync(join(cwd, 'shop'), { recursive: true }) as string[]
      for (const file of [
        '.gitignore',
        'tree.yaml',
        'livetree.config.ts',
        'src/config.ts',
        'src/app.test.ts',
      ])
        expect(files).toContain(file)
      const texts = [...filesOf('shop', framework).values()].join('\n')
      expect(texts).toContain("root: '/config/shop'")
      expect(texts).not.toContain('my-app')
    },
  )

  test('each package that the files of an app import is in its package.json', () => {
    for (const framework of FRAMEWORKS) {
      const files = filesOf('shop', framework)
      const { dependencies, devDependencies } = JSON.parse(files.get('package.json') ?? '')
      const isDev = (path: string) => path === 'dev.ts' || path.endsWith('.test.ts')
      const missing = [...files].flatMap(([path, content]) => {
        const known = Object.keys({ ...dependencies, ...(isDev(path) && devDependencies) })
        const imported = [...content.matchAll(/^(?:import|export) .*?['"]([^.'"][^'"]*)['"]$/gm)].map(
          (match) => match[1] ?? '',
        )
        const names = imported.filter((name) => !name.startsWith('node:'))
        return names
          .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '')
          .filter((name) => !known.includes(name))
      })
      expect(missing, framework).toEqual([])
    }
  })

  test('the versions with which this repository is tested', () => {
    const require = createRequire(new URL('../../nestjs/package.json', import.meta.url))
    const wanted: [string, string][] = [COMMON_DEPENDENCIES, COMMON_DEV_DEPENDENCIES].flatMap(Object.entries)
    for (const { dependencies, devDependencies } of Object.values(FRAMEWORK_TABLE))
      wanted.push(...Object.entries({ ...dependencies, ...devDependencies }))
    const installed = wanted.map(([name]) => {
      const folders = require.resolve.paths(name) ?? []
      const found = [
        ...folders,
        ...['express', 'fastify'].map((each) => join(folders[0] ?? '', '../../', each, 'node_modules')),
      ]
      for (const folder of found) {
        try {
          return [name, `^${JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version}`]
        } catch {}
      }
      return [name, 'not installed']
    })
    expect(wanted).toEqual(installed)
  })

  test('into the working directory for ".", also beside a new .git', async () => {
    const cwd = join(emptyFolder(), 'my-shop')
    mkdirSync(join(cwd, '.git'), { recursive: true })
    const { code, out } = await run(['.'], cwd)
    expect([code, out]).toEqual([
      0,
      expect.stringContaining('Created my-shop, on plain Node, in this folder. Next:\n\n  npm install'),
    ])
    expect(JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')).name).toBe('my-shop')
  })

  test('a name with a scope into a folder without it, by the words of the package manager', async () => {
    const cwd = emptyFolder()
    const { out } = await run(['@acme/shop'], cwd, undefined, {
      npm_config_user_agent: 'pnpm/10.1.0 npm/? node/v24',
    })
    expect(out).toContain('Created @acme/shop, on plain Node, in shop/')
    expect(out).toContain('pnpm exec livetree set greeting')
    expect(readdirSync(cwd)).toEqual(['shop'])
    expect(JSON.parse(readFileSync(join(cwd, 'shop/package.json'), 'utf8')).name).toBe('@acme/shop')
  })
})

describe('create-livetree asks', () => {
  test('for the name and the framework, and again where the answer is wrong', async () => {
    const cwd = emptyFolder()
    const { code, out } = await run([], cwd, ['../shop', 'Shop', 'shop', '7', 'express'])
    expect(code).toBe(0)
    expect(out).toContain('"../shop" cannot be the name: it is a path; give the name of a new folder here.')
    expect(out).toContain('"Shop" cannot be the name: npm takes no capital letters: "shop".')
    expect(out).toContain('There is no "7": give a number from 1 to 4, or a name.')
    expect(out).toContain('Created shop, on Express')
  })

  test('only for what is missing; an empty answer is the one in brackets', async () => {
    const cwd = emptyFolder()
    expect((await run(['shop'], cwd, ['4'])).out).toContain('Created shop, on Nest')
    expect((await run(['--framework', 'fastify'], cwd, [''])).out).toContain('Created my-app, on Fastify')
    expect((await run(['third', '-f', 'plain'], cwd, [])).out).toContain('Created third, on plain Node')
  })

  test('and writes nothing when it is left', async () => {
    const cwd = emptyFolder()
    expect(await run([], cwd, ['shop'])).toMatchObject({ code: 130, err: '\nNothing was written.\n' })
    expect(readdirSync(cwd)).toEqual([])
  })

  test('nobody where there is no terminal', async () => {
    const cwd = emptyFolder()
    const { code, err } = await run([], cwd)
    expect([code, err]).toEqual([
      64,
      expect.stringContaining('error: The name of the app is missing.\n\nUsage: npm create'),
    ])
    expect((await run(['--help'], cwd)).out).toContain('--framework <framework>')
  })
})

describe('create-livetree refuses', () => {
  test.each([
    ['', 'it is empty'],
    ['..', 'begins with a letter or a digit'],
    ['../up', 'it is a path'],
    ['a/b', 'it is a path'],
    ['a\\b', 'it is a path'],
    ['/tmp/absolute', 'it is a path'],
    ['C:\\app', 'it is a path'],
    ['.hidden', 'begins with a letter or a digit'],
    ['_private', 'begins with a letter or a digit'],
    ['My-App', 'npm takes no capital letters: \\"my-app\\"'],
    ['a b', 'it may have a-z'],
    ['a\nb', 'it may have a-z'],
    ['a\u0000b', 'it may have a-z'],
    ['naïve', 'it may have a-z'],
    ['@acme', 'a name with a scope is'],
    ['@acme/../up', 'a name with a scope is'],
    ['@../up', 'a name with a scope is'],
    ['@acme/', 'a name with a scope is'],
    ['node_modules', 'this name is taken'],
    ['livetree', 'this name is taken'],
    ['express', 'this name is taken'],
    ['@livetree/cli', 'this name is taken'],
    ['@livetree/core', 'this name is taken'],
    ['con', 'a device of Windows'],
    ['com1.app', 'a device of Windows'],
    ['dot.', 'it ends with a dot'],
    ['fs', 'a module of Node has this name'],
    ['a'.repeat(201), 'it has more than 200 letters'],
  ])('the name %j', async (name, problem) => {
    const cwd = emptyFolder()
    const { code, out, err } = await run(['--', name], cwd)
    expect([code, out]).toEqual([64, ''])
    expect(err).toContain(problem.replaceAll('\\"', '"'))
    expect(readdirSync(cwd)).toEqual([])
  })

  test('a folder that is not empty, a file and a link, and leaves them as they are', async () => {
    const cwd = emptyFolder()
    const elsewhere = emptyFolder()
    mkdirSync(join(cwd, 'full'))
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(cwd, 'full', name), name)
    writeFileSync(join(cwd, 'file'), 'mine')
    symlinkSync(elsewhere, join(cwd, 'link'))
    const full = await run(['full'], cwd)
    expect([full.code, full.err]).toEqual([
      1,
      'error: The folder full is not empty: it has a, b, c and more. Give another name, or empty it first. Nothing was written.\n',
    ])
    expect((await run(['file'], cwd)).err).toContain('file is a file. Give a name that is free here.')
    expect((await run(['link'], cwd)).err).toContain('link is a link. Give a name that is free here.')
    expect([readdirSync(join(cwd, 'full')), readdirSync(elsewhere)]).toEqual([['a', 'b', 'c', 'd'], []])
    expect(() => createProject({ name: '.', framework: 'plain', cwd })).toThrow(
      /cannot be the name of an app|is not empty/,
    )
  })

  test('what the system refuses, with the file and why', async () => {
    const cwd = join(emptyFolder(), 'file')
    writeFileSync(cwd, '')
    const { code, err } = await run(['shop'], cwd)
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^error: The app cannot be written: ENOTDIR: .*file\/shop'\.\n$/),
    ])
  })

  test.each([
    [['a', 'b'], 'One name was expected, and 2 are given: a b.'],
    [['a', '--framework', 'koa'], 'There is no framework "koa"; there are plain, express, fastify, nest.'],
    [['a', '--frame', 'express'], "Unknown option '--frame'"],
    [['a', '--framework'], "Option '-f, --framework <value>' argument missing"],
  ])('%j', async (args, message) => {
    const { code, err } = await run(args, emptyFolder())
    expect([code, err]).toEqual([64, expect.stringContaining(message)])
  })
})
