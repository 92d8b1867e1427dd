import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
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
  let project: Consumer
  try {
    project = await installConsumer(name, packed, uses)
  } catch (error) {
    if (error instanceof NoRegistryError && !process.env.CI) context.skip(error.message)
    throw error
  }
  await using _ = project
  await work(project)
}

const inTypeScript: readonly { what: string; name: string; uses: readonly PackageName[] }[] = [
  { what: 'an ES module on Express 5', name: 'express5-esm', uses: ['express'] },
  { what: 'CommonJS on Express 4.18', name: 'express4-cjs', uses: ['express', 'embedded'] },
  { what: 'zod 4 as zod 3.25 brings it', name: 'zod3-v4', uses: [] },
  { what: 'Fastify 5.0 with zod 4.0.0', name: 'fastify-oldest-zod', uses: ['fastify'] },
  { what: 'CommonJS on Nest 11.0, Express and Fastify', name: 'nestjs11-cjs', uses: ['nestjs'] },
  { what: 'an ES module on Nest 12, Express and Fastify', name: 'nestjs12-esm', uses: ['nestjs'] },
]

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

test('the packed packages work in Jest, with modules and with CommonJS, and leave nothing open', async (context) => {
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
})

describe('what is published is as it should be', () => {
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
