import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { isLongRun } from '../support/run-length.ts'
import {
  binOf,
  type Consumer,
  installConsumer,
  NoRegistryError,
  type PackageName,
  packAll,
  packageNames,
  type Packed,
} from './consumer.ts'
import { CREATED, type CreatedApps, installCreatedApps, tryCreatedApp } from './created-apps.ts'

let packed: Packed
beforeAll(async () => {
  packed = await packAll()
})
afterAll(() => packed[Symbol.asyncDispose]())

const tsc = 'node_modules/typescript/bin/tsc'

/** Installs a project and works with it; skipped, visibly, where there is no registry, unless `CI` is set. */
async function withConsumer(
  name: string,
  uses: readonly PackageName[],
  context: TestContext,
  work: (project: Consumer) => Promise<void>,
): Promise<void> {
  await using project = await unlessOffline(installConsumer(name, packed, uses), context)
  await work(project)
}

async function unlessOffline<Installed>(
  installing: Promise<Installed>,
  context: TestContext,
): Promise<Installed> {
  try {
    return await installing
  } catch (error) {
    if (error instanceof NoRegistryError && !process.env.CI) context.skip(error.message)
    throw error
  }
}

interface TypeScriptProject {
  readonly what: string
  readonly name: string
  readonly uses: readonly PackageName[]
}

/** The oldest that is supported. */
const inEveryRun: readonly TypeScriptProject[] = [
  { what: 'CommonJS on Express 4.18', name: 'express4-cjs', uses: ['express', 'embedded'] },
]

/** The other supported versions: `npm run consumers`. */
const inLongRuns: readonly TypeScriptProject[] = [
  { what: 'an ES module on Nest 12, Express and Fastify', name: 'nestjs12-esm', uses: ['nestjs'] },
  { what: 'an ES module on Express 5', name: 'express5-esm', uses: ['express'] },
  { what: 'zod 4 as zod 3.25 brings it', name: 'zod3-v4', uses: [] },
  { what: 'Fastify 5.0 with zod 4.0.0', name: 'fastify-oldest-zod', uses: ['fastify'] },
  { what: 'CommonJS on Nest 11.0, Express and Fastify', name: 'nestjs11-cjs', uses: ['nestjs'] },
]

const inTypeScript = isLongRun ? [...inEveryRun, ...inLongRuns] : inEveryRun

describe('the packed packages in a project of TypeScript 5.8, without skipLibCheck', () => {
  test.for(inTypeScript)('$what compiles, works and ends by itself', async ({ name, uses }, context) => {
    await withConsumer(name, uses, context, async (project) => {
      expect(await project.runNode([tsc, '--version'])).toContain('Version 5.8')
      await project.runNode([tsc, '--project', '.'])
      expect(await project.runNode(['dist/main.js'])).toBe('ok\n')
      if (name === 'express4-cjs') expect(await project.runNode(['plain.cjs'])).toBe('ok\n')
      if (name === 'express5-esm')
        expect(await project.runNode(['--test', 'dist/app.node-test.js'])).toMatch(/pass 1/)
    })
  })
})

test.runIf(isLongRun)(
  'the packed packages work in Jest, with modules and with CommonJS, and leave nothing open',
  async (context) => {
    await withConsumer('jest', ['express'], context, async (project) => {
      const jest = ['node_modules/jest/bin/jest.js', '--detectOpenHandles']
      const esm = await project.runNode([
        '--experimental-vm-modules',
        ...jest,
        '--config',
        'jest.esm.config.cjs',
      ])
      expect(esm).toContain('2 passed')
      const cjs = await project.runNode([...jest, '--config', 'jest.cjs.config.cjs'])
      expect(cjs).toContain('2 passed')
      expect(esm + cjs).not.toContain('open handle')
    })
  },
)

describe('npm create livetree', () => {
  /** Installed once for all apps, which takes longer than they do. */
  let installing: Promise<CreatedApps>
  beforeAll(async () => {
    installing = installCreatedApps(packed)
    await installing.catch(() => undefined)
    return async () => (await installing.catch(() => undefined))?.[Symbol.asyncDispose]()
  })

  test.for(CREATED)(
    'an app on %s is built, tested, started, and follows a change',
    async (framework, context) => {
      await tryCreatedApp(await unlessOffline(installing, context), framework)
    },
  )
})

describe.concurrent('the settings of TypeScript that the READMEs name', () => {
  const compile = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
    '--target',
    'es2023',
  ]
  const settings: readonly {
    folder: string
    module: string
    resolution?: string
    refused?: RegExp
    isRun?: boolean
  }[] = [
    { folder: 'esm', module: 'nodenext', isRun: true },
    { folder: 'cjs', module: 'node16', refused: /TS1479/ },
    { folder: 'bundled', module: 'esnext', resolution: 'bundler', isRun: true },
    { folder: 'esm', module: 'node18', isRun: true },
    { folder: 'esm', module: 'node16', isRun: true },
    { folder: 'cjs', module: 'nodenext', isRun: true },
    { folder: 'bundled', module: 'preserve', resolution: 'bundler', isRun: true },
    { folder: 'cjs', module: 'commonjs', resolution: 'node10', refused: /TS2307.*'livetree'.*'bundler'/s },
  ]
  /** One project for all tests here: installing it takes longer than they do. */
  let installing: Promise<Consumer>
  beforeAll(async () => {
    installing = installConsumer('module-settings', packed, ['express'])
    await installing.catch(() => undefined)
    return async () => (await installing.catch(() => undefined))?.[Symbol.asyncDispose]()
  })
  /** Without the long form: one module of each outcome. */
  const triedSettings = isLongRun ? settings : settings.slice(0, 3)

  test('each of them compiles without skipLibCheck, or is refused as they say', async (context) => {
    const project = await unlessOffline(installing, context)
    for (const { folder, module, resolution, refused, isRun } of triedSettings) {
      const what = `${folder} ${module} ${resolution ?? ''}`
      const args = [
        tsc,
        ...compile,
        '--lib',
        'es2023,esnext.disposable',
        '--module',
        module,
        '--outDir',
        folder,
      ]
      if (resolution !== undefined) args.push('--moduleResolution', resolution)
      if (folder === 'cjs') args.push('--esModuleInterop')
      const compiling = project.runNode([...args, `${folder}/main.ts`])
      if (refused === undefined) await expect(compiling, what).resolves.toBe('')
      else await expect(compiling, what).rejects.toThrow(refused)
      if (isRun) expect(await project.runNode([`${folder}/main.js`]), what).toBe('ok\n')
    }
  }, 400_000)

  /** Of ten fields each. What they cost grows with their number, and the long form has 300 fields. */
  const parts = isLongRun ? 30 : 10
  test(`a schema of ${parts}0 fields costs the compiler little, and its errors name the field`, async (context) => {
    const project = await unlessOffline(installing, context)
    await project.write('esm/big.ts', bigSchema(parts))
    const args = [tsc, ...compile, '--lib', 'es2023,esnext.disposable', '--module', 'nodenext', '--noEmit']
    const measured = await project.runNode([...args, '--extendedDiagnostics', 'esm/big.ts'])
    const before = await project.runNode([...args, '--extendedDiagnostics', 'esm/main.ts'])
    const instantiations = (text: string) => Number(/Instantiations:\s+(\d+)/.exec(text)![1])
    // some 270 for each field, of which zod's own inference is the most
    expect(instantiations(measured) - instantiations(before)).toBeLessThan(parts * 5_000)
    await project.write('esm/wrong.ts', wrongUse)
    const failing = project.runNode([...args, 'esm/wrong.ts'])
    await expect(failing).rejects.toThrow(/Cannot assign to 'port' because it is a read-only property/)
    await expect(failing).rejects.toThrow(/Property 'push' does not exist on type 'readonly string\[\]'/)
    await expect(failing).rejects.toThrow(/Type 'ReadonlyDate' is not assignable to type 'string'/)
    const longest = await failing.catch((error: Error) =>
      Math.max(...error.message.split('\n').map((l) => l.length)),
    )
    expect(longest).toBeLessThan(500)
  }, 400_000)
})

const wrongUse = `import { big } from './big.js'
const { current } = await big.load()
current.part7.port = 1
current.part7.tags.push('x')
const text: string = current.part7.since
current.part77
export { text }
`

function bigSchema(parts: number): string {
  const part = `z.object({
    port: z.number().int().default(3000), host: z.string(), tags: z.array(z.string()),
    limits: z.record(z.string(), z.object({ max: z.number(), of: z.array(z.object({ on: z.boolean() })) })),
    mode: z.enum(['a', 'b', 'c']).optional(), since: z.date(), hosts: z.map(z.string(), z.object({ ports: z.array(z.number()) })),
    choice: z.discriminatedUnion('t', [z.object({ t: z.literal('x'), l: z.array(z.string()) }), z.object({ t: z.literal('y'), n: z.number() })]),
    pair: z.tuple([z.string(), z.number()]), url: z.string().transform((text) => new URL(text)),
  })`
  const names = Array.from({ length: parts }, (_, index) => `part${index}`)
  return `import { type ConfigOf, defineConfig, type LiveConfig } from 'livetree'
import { z } from 'zod'
export const big = defineConfig({ name: 'big', schema: z.object({ ${names.map((name) => `${name}: ${part}`).join(', ')} }) })
export async function use(): Promise<void> {
  const config: LiveConfig<ConfigOf<typeof big>> = await big.load()
  ${names.map((name) => `config.watch((c) => c.${name}, (next, previous, { next: all }) => console.log(next.port, previous.url.href, all.${name}.since.getTime()))`).join('\n  ')}
}
`
}

// Each is a program of its own, and this file takes longest of all.
describe.concurrent('what is published is as it should be', () => {
  test.each(packageNames)('%s: publint has nothing to say', async (name) => {
    const result = await runBounded(process.execPath, [
      await binOf('publint'),
      '--strict',
      packed.tarballs.get(name)!,
    ])
    expect(`${result.stdout}${result.stderr}`).toContain('All good!')
    expect(result.code).toBe(0)
  })

  test.each(packageNames)('%s: its types resolve wherever its code does', async (name) => {
    const attw = await binOf('@arethetypeswrong/cli')
    const args = [
      attw,
      packed.tarballs.get(name)!,
      '--profile',
      'esm-only',
      '--no-color',
      '--format',
      'ascii',
    ]
    const result = await runBounded(process.execPath, args)
    expect(result.stdout).toContain('(ESM)')
    expect(result.code, result.stdout).toBe(0)
  })
})
