import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { inspect } from 'node:util'
import * as admin from '@livetree/admin'
import * as livetree from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

withoutOpenHandles()

/** What each block logs, in the order of the README. */
const LOGS = [
  [
    'http.timeoutMs: nothing → 800 (in effect: 2000 → 800)',
    'features.newCart: nothing → true (in effect: undefined → true)',
    'ana: sale on Friday',
    'removed features.newCart',
    '{ newCart: true }',
    'invalid_value Too big: expected number to be <=200',
  ],
  ['applied'],
  ['{"routers":{"shop":{"hosts":["a","b"],"priority":10,"rule":"Host(`shop.example`)"}}}', '0'],
]

function samples(): readonly string[] {
  const text = readFileSync(new URL('../../../packages/admin/README.md', import.meta.url), 'utf8')
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
}

/** Runs a sample as it stands, but for its imports and the endpoint. Returns what it logged. */
async function run(sample: string, endpoint: string): Promise<readonly string[]> {
  const library: Readonly<Record<string, unknown>> = { ...livetree, ...admin, z }
  const imports = /^import (?:\{([^}]*)\}|\* as (\w+)) from '[^']+'$/gm
  const names = [...sample.matchAll(imports)].flatMap(([, list, whole]) =>
    (whole ?? list ?? '').split(',').map((name) => name.trim()),
  )
  for (const name of names) expect(library[name], name).toBeDefined()
  const body = stripTypeScriptTypes(sample.replace(imports, ''), { mode: 'strip' })
  const source = `return (async () => {${body.replaceAll('http://127.0.0.1:2379', endpoint)}})()`
  const lines: string[] = []
  const shown = (part: unknown) => (typeof part === 'string' ? part : inspect(part))
  const log = { log: (...parts: readonly unknown[]) => lines.push(parts.map(shown).join(' ')) }
  await new Function('console', ...names, source)(log, ...names.map((name) => library[name]))
  return lines
}

oneEtcd('the README of @livetree/admin', (etcd) => {
  test('has code that runs and does what it says', async () => {
    const { endpoint } = await etcd.start()
    const all = samples()
    expect(all).toHaveLength(LOGS.length)
    for (const [index, sample] of all.entries()) expect(await run(sample, endpoint)).toEqual(LOGS[index])
  })
})
