import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineConfig } from '@livetree/core'
import type { Source } from '@livetree/core/source'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { waitFor } from '../../support/wait-for.ts'

// A source of one's own, from beginning to end: a tree that a web server hands out as JSON, asked for every `pollMs`.
// The port's contract is written on `Source` and `SourceSink` in packages/core/src/source/source.ts.

function httpSource(url: string, pollMs: number): Source {
  return {
    name: 'http',
    // one layer; a leaf at the path `db/pool` is shown to people as `http://…#/db/pool`
    layers: [{ name: `http:${url}`, keyPrefix: `${url}#/`, separator: '/', naming: 'stored' }],
    // it can be away: kept in the snapshot on disk, and asked for proof that it is there
    isRemote: true,
    open({ sink, clock }) {
      const closing = new AbortController()
      let timer: unknown
      let lastTag = ''
      let revision = 0

      const ask = async (signal: AbortSignal) => {
        const response = await fetch(url, { signal, headers: { 'if-none-match': lastTag } })
        if (response.status === 200) {
          lastTag = response.headers.get('etag') ?? ''
          // a whole document at the root; the schema spreads it
          const leaf = { path: '', value: await response.json(), revision: Number(lastTag) }
          revision = Number(lastTag)
          sink.replace({ revision, epoch: 0, layers: [[leaf]] })
        } else if (response.status === 304) {
          // nothing new is news too: it proves that nothing is missing
          sink.alive({ revision, provenAt: clock.now() })
        } else {
          throw new Error(`${url} answered ${response.status}`)
        }
      }
      const poll = () => {
        ask(closing.signal)
          .catch((error: Error) => {
            if (!closing.signal.aborted) sink.lost({ error, isFinal: false })
          })
          .finally(() => {
            if (!closing.signal.aborted) timer = clock.setTimeout(poll, pollMs)
          })
      }
      poll()
      return {
        refresh: (signal) => ask(AbortSignal.any([signal, closing.signal])),
        async close() {
          closing.abort()
          clock.clearTimeout(timer)
        },
      }
    },
  }
}

// A source that reads its tree page by page: each page goes to a replacement, which takes effect with `commit`.

function pagedSource(readPage: (page: number) => Promise<Record<string, string> | undefined>): Source {
  return {
    name: 'paged',
    layers: [{ name: 'paged', keyPrefix: 'paged:', separator: '/', naming: 'stored' }],
    isRemote: true,
    open({ sink }) {
      let revision = 0
      const readAll = async () => {
        revision++
        const tree = sink.beginReplace()
        try {
          for (let page = 0; ; page++) {
            const keys = await readPage(page)
            if (keys === undefined) break
            tree.add(
              0,
              Object.entries(keys).map(([path, value]) => ({ path, value, revision })),
            )
          }
          tree.commit({ revision, epoch: 0 })
        } catch (error) {
          // what was read is dropped; the tree before stays in use
          tree.abandon()
          sink.lost({ error: error as Error, isFinal: false })
        }
      }
      const first = readAll()
      return { refresh: readAll, close: () => first }
    },
  }
}

const definition = defineConfig({
  name: 'own',
  schema: z.object({ http: z.object({ port: z.number() }), features: z.record(z.string(), z.boolean()) }),
})

test("a user's own source is loaded, followed, lost and found again", async () => {
  let tag = 1
  let isAway = false
  let tree: object = { http: { port: 80 }, features: { search: true } }
  const publish = (next: object) => {
    tree = next
    tag++
  }
  const server = createServer((request, response) => {
    if (isAway) response.writeHead(503).end()
    else if (request.headers['if-none-match'] === `${tag}`) response.writeHead(304).end()
    else response.writeHead(200, { etag: `${tag}` }).end(JSON.stringify(tree))
  })
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/config`

  await using config = await definition.load({ sources: [httpSource(url, 10)], staleAfterMs: 100 })
  expect(config).toMatchObject({ current: { http: { port: 80 } }, revision: 1 })

  publish({ http: { port: 81 }, features: { search: true } })
  const { changes, revision } = await config.changed()
  expect(changes).toMatchObject([{ pathText: 'http.port', previous: 80, next: 81 }])
  expect(revision).toBe(2)

  publish({ http: { port: 'eighty' }, features: {} })
  await config.refresh()
  expect(config.current.http.port).toBe(81)
  expect(config.status.rejected).toMatchObject({
    source: 'http',
    revision: 3,
    issues: [{ pathText: 'http.port' }],
  })

  isAway = true
  await waitFor(() => config.status.state === 'stale')
  expect(config.status.sources[0]).toMatchObject({
    state: 'lost',
    lastError: { message: `${url} answered 503` },
  })

  isAway = false
  publish({ http: { port: 82 }, features: {} })
  await waitFor(() => config.current.http.port === 82)
  expect(config.status).toMatchObject({ state: 'live', rejected: undefined })
})

test('a source that reads pages replaces its tree with all of them, or with none', async () => {
  let pages: (Record<string, string> | Error)[] = [{ 'http/port': '80' }, { 'features/search': 'true' }]
  const source = pagedSource(async (page) => {
    const keys = pages[page]
    if (keys instanceof Error) throw keys
    return keys
  })
  await using config = await definition.load({ sources: [source], logger: false })
  expect(config.current).toEqual({ http: { port: 80 }, features: { search: true } })

  pages = [{ 'http/port': '81' }, new Error('the second page is away')]
  await config.refresh()
  expect(config).toMatchObject({ revision: 1, current: { http: { port: 80 }, features: { search: true } } })
  expect(config.status.sources[0]).toMatchObject({ lastError: { message: 'the second page is away' } })

  pages = [{ 'http/port': '81' }, { 'features/search': 'true' }, { 'features/chat': 'true' }]
  await config.refresh()
  expect(config).toMatchObject({
    revision: 3,
    current: { http: { port: 81 }, features: { search: true, chat: true } },
  })
})
