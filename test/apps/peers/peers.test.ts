import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { runNode } from '../../support/run-node.ts'

withoutOpenHandles()

interface Page {
  readonly path: string
  /** The first line of the samples of the other library. */
  readonly peer: string
  readonly environment: Readonly<Record<string, string>>
  /** What the store has at the beginning: one value of the files, since an empty directory is warned of. */
  readonly seed: readonly [key: string, value: string]
  /** What is written to the store in the end, and what livetree prints for it. */
  readonly changes: readonly (readonly [key: string, value: string, printed: string])[]
  /** How many lines both print. */
  readonly lines: number
}

const PAGES: readonly Page[] = [
  {
    path: 'docs/migrate-from-node-config.md',
    peer: 'node-config',
    environment: { NODE_ENV: 'production', POOL_MAX: '20' },
    seed: ['greeting', 'Hello'],
    changes: [
      ['greeting', 'Welcome', 'Hello → Welcome'],
      ['greeting', '', 'refused: greeting'],
    ],
    lines: 7,
  },
  {
    path: 'docs/migrate-from-convict.md',
    peer: 'convict',
    environment: { NODE_ENV: 'production', PORT: '9000', DB_PASSWORD: 'hunter2' },
    seed: ['discount', '15'],
    changes: [
      ['discount', '20', 'discount 15 → 20'],
      ['discount', '150', 'discount: must be between 0 and 100'],
    ],
    lines: 6,
  },
]

/** The files of a page in a folder of their own, where what the samples import is found. */
function writeFiles(page: string): string {
  const cache = fileURLToPath(new URL('../../../.cache/', import.meta.url))
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'page-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const [, path = '', content = ''] of page.matchAll(/^`([^`\s]+)`:\n\n```json\n([\s\S]*?)```/gm)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

/** The samples of one library, put together in their order, as a program that ends with its standard input. */
function writeProgram(folder: string, page: string, library: string, endpoint: string): URL {
  const samples = [...page.matchAll(/```ts\n\/\/ (.+)\n([\s\S]*?)```/g)]
  const own = samples.filter(([, name]) => name === library).map(([, , code]) => code)
  const file = join(folder, `${library}.ts`)
  const close = library === 'livetree' ? "process.stdin.resume().on('end', () => config.close())\n" : ''
  // Files are looked for where the process starts.
  const beginning = `process.chdir(${JSON.stringify(folder)})\n`
  writeFileSync(join(folder, 'begin.ts'), beginning)
  const code = own.join('\n').replaceAll('http://127.0.0.1:2379', endpoint)
  writeFileSync(file, `import './begin.ts'\n${code}\nconsole.log('end')\n${close}`)
  return pathToFileURL(file)
}

const linesOf = (output: string) => output.slice(0, output.indexOf('\nend\n')).split('\n')

test.each(PAGES)('$path: both programs print the same, and livetree goes on', async (each) => {
  const page = readFileSync(new URL(`../../../${each.path}`, import.meta.url), 'utf8')
  await using server = await startEmbeddedEtcd()
  await using client = createEtcdClient({ endpoints: [server.endpoint] })
  await client.kv.put(`/config/shop/${each.seed[0]}`, each.seed[1])
  const folder = writeFiles(page)
  const before = await runNode(writeProgram(folder, page, each.peer, server.endpoint), each.environment)
  const program = writeProgram(folder, page, 'livetree', server.endpoint)
  const after = await runNode(program, each.environment, 40_000, async (printed) => {
    await printed('\nend\n')
    for (const [key, value, text] of each.changes) {
      await client.kv.put(`/config/shop/${key}`, value)
      await printed(text)
    }
  })
  expect(linesOf(before.output)).toHaveLength(each.lines)
  expect(linesOf(after.output)).toEqual(linesOf(before.output))
  expect([before.code, after.code]).toEqual([0, 0])
  for (const [, , text] of each.changes) expect(page).toContain(text)
})
