import { createAdmin, type Plan } from '@livetree/admin'
import { createConsole } from '@livetree/console'
import { defineConfig, etcd, restart, secret } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { changeLines } from '../../../packages/cli/src/commands/plan-text.ts'
import { embeddedStore } from './embedded-store.ts'

const store = embeddedStore()
const ROOT = '/config/several'
const place = z.object({ host: z.string(), n: z.number() }).partial()
const definition = defineConfig({
  name: 'several',
  schema: z.object({
    a: place,
    b: z.object({ host: secret(z.string()), n: restart(z.number()) }).partial(),
    c: place,
  }),
  sources: () => [
    etcd({
      endpoints: [store.endpoint],
      layers: [{ prefix: `${ROOT}/shared`, at: ['a', 'b', 'c'] }, { prefix: `${ROOT}/own` }],
    }),
  ],
})
const layer = `${ROOT}/shared`
const bare = (_: string, text: string) => text
const lines = (plan: Plan) => changeLines(plan.changes, bare as never)

test('a change of a layer at several places says what it does at each of them', async () => {
  await using admin = createAdmin(definition, { author: 'ana' })
  await admin.set('a.n', 5, { layer })
  await admin.set('a.n', 9, { layer: `${ROOT}/own` })
  const plan = await admin.change({ layer }).set('a.n', 6).plan()
  expect(plan.changes).toMatchObject([
    {
      pathText: 'a.n',
      needsRestart: true,
      effective: { before: 9, after: 9 },
      elsewhere: [
        { path: ['b', 'n'], pathText: 'b.n', needsRestart: true, effective: { before: 5, after: 6 } },
        { path: ['c', 'n'], pathText: 'c.n', needsRestart: false, effective: { before: 5, after: 6 } },
      ],
    },
  ])
  expect(lines(plan)).toEqual([expect.stringMatching(/9 stays in effect.*; also b\.n, c\.n\)$/)])
})

test('a key that is a secret at one of its places shows its value at none', async () => {
  await using admin = createAdmin(definition, { author: 'ana' })
  const plan = await admin.change({ layer }).set('a.host', 'PLANTED').plan()
  expect(JSON.stringify(plan.changes)).not.toContain('PLANTED')
  expect(lines(plan)).toEqual([expect.stringMatching(/also b\.host, c\.host/)])
})

test.each([
  [['a', 'b', 'c'], 200],
  [['a'], 403],
])('who may change %j is answered %i', async (write, status) => {
  await using admin = createAdmin(definition, { author: 'ana' })
  await using console = createConsole({
    admin: admin as never,
    authorize: () => ({ user: 'bob', can: { write } }),
  })
  const body = JSON.stringify({ layer, steps: [{ path: ['a', 'n'], text: '7' }] })
  const headers = { 'content-type': 'application/json' }
  const response = await console.fetch(
    new Request('http://any.example/api/plan', { method: 'POST', headers, body }),
  )
  const answer = await response.text()
  expect(answer).toContain(status === 200 ? '"pathText":"b.n"' : 'not_allowed')
  expect(response.status).toBe(status)
})
