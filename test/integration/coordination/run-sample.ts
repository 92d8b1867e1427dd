import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import * as coordination from '@livetree/coordination'
import * as etcdClient from '@livetree/etcd'
import { expect } from 'vitest'

/** The TypeScript samples of a document, in order. `path` is from the repository's root. */
export function samplesOf(path: string): string[] {
  const text = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
}

/** Runs a sample as it stands, but for its imports and the endpoint. Returns what it logged. */
export async function runSample(sample: string, endpoint: string): Promise<string[]> {
  const library: Readonly<Record<string, unknown>> = { ...etcdClient, ...coordination }
  const imports = /^import \{([^}]*)\} from '[^']+'$/gm
  const names = [...sample.matchAll(imports)].flatMap((match) =>
    (match[1] ?? '').split(',').map((name) => name.trim()),
  )
  const wanted = names.filter((name) => name !== '')
  for (const name of wanted) expect(library[name], name).toBeDefined()
  const body = stripTypeScriptTypes(sample.replace(imports, ''), { mode: 'strip' })
  const source = `return (async () => {${body.replaceAll('http://127.0.0.1:2379', endpoint)}})()`
  const lines: string[] = []
  const log = { log: (...parts: unknown[]) => lines.push(parts.map(String).join(' ')) }
  await new Function('console', ...wanted, source)(log, ...wanted.map((name) => library[name]))
  return lines
}
