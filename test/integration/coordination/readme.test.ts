import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import * as coordination from '@livetree/coordination'
import * as etcdClient from '@livetree/etcd'
import { expect, it } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

withoutOpenHandles()

const README = new URL('../../../packages/coordination/README.md', import.meta.url)
const BLOCKS = [...readFileSync(README, 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(
  (match) => match[1] ?? '',
)

/** Runs a block as it stands, but for its imports and the endpoint. Gives what it logged. */
async function run(block: string, endpoint: string): Promise<string[]> {
  const library: Readonly<Record<string, unknown>> = { ...etcdClient, ...coordination }
  const names = [...block.matchAll(/^import \{ (.*) \} from/gm)].flatMap(
    (match) => match[1]?.split(', ') ?? [],
  )
  for (const name of names) expect(library[name], name).toBeDefined()
  const body = stripTypeScriptTypes(block.replace(/^import .*$/gm, ''), { mode: 'strip' })
  const source = `return (async () => {${body.replaceAll('http://127.0.0.1:2379', endpoint)}})()`
  const lines: string[] = []
  const log = { log: (...parts: unknown[]) => lines.push(parts.map(String).join(' ')) }
  await new Function('console', ...names, source)(log, ...names.map((name) => library[name]))
  return lines
}

/** What each block logs, in the order of the README. */
const LOGS = [
  ['paid true', 'done, with token true true undefined'],
  ['leader node-1:8081', 'node-2', 'undefined'],
  ['true true undefined', '0 1 1'],
  ['any number of readers', 'one writer true', 'host-1 at 10.0.0.1', 'true live', 'false'],
  ['hello undefined', 'bill 2 1', 'bill 1 goes back, because it is not completed'],
]

eachEtcd('the README of @livetree/coordination', (etcd) => {
  it('has code that runs and does what it says', async () => {
    const server = await etcd.start()
    expect(BLOCKS).toHaveLength(LOGS.length)
    for (const [index, block] of BLOCKS.entries())
      expect(await run(block, server.endpoint)).toEqual(LOGS[index])
  })
})
