import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createTestConfig } from 'livetree'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { createProject } from '../../packages/create-livetree/src/create-project.ts'
import { FRAMEWORKS, type FrameworkName } from '../../packages/create-livetree/src/frameworks.ts'

const CACHE = fileURLToPath(new URL('../../.cache', import.meta.url))
mkdirSync(CACHE, { recursive: true })
/** In the repository, so that the apps have its packages. */
const cwd = mkdtempSync(join(CACHE, 'created-'))
afterAll(() => rmSync(cwd, { recursive: true }))
for (const framework of FRAMEWORKS) createProject({ name: `app-on-${framework}`, framework, cwd })

/** A module of a created app. */
function imported(framework: FrameworkName, path: string) {
  return import(join(cwd, `app-on-${framework}`, 'src', path))
}

/** Starts the created app as its `main.ts` does, with a configuration of the test. */
async function start(framework: FrameworkName): Promise<{ port: number; set(values: object): void }> {
  const { app } = await imported(framework, 'config.ts')
  const config = await createTestConfig(app, { greeting: 'Hello' })
  onTestFinished(() => config.close())
  const server = await listening(framework, config)
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, set: (values) => config.set(values as never) }
}

async function listening(framework: FrameworkName, config: unknown): Promise<Server> {
  if (framework === 'nest') {
    const { createAppModule } = await imported('nest', 'app.module.ts')
    const { NestFactory } = await import('@nestjs/core')
    const nest = await NestFactory.create(createAppModule(config), { logger: false })
    await nest.listen(0)
    return nest.getHttpServer()
  }
  const { createApp } = await imported(framework, 'app.ts')
  const created = await createApp(config)
  if (framework === 'fastify') {
    await created.listen({ port: 0 })
    return created.server
  }
  const server: Server = created.listen(0)
  await once(server, 'listening')
  return server
}

/** Asks by a path as it is, of which `fetch` would make a valid one; by HTTP/1.0, for a body in one piece. */
async function get(port: number, path: string) {
  const socket = connect(port, '127.0.0.1')
  socket.end(`GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`)
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
  return {
    status: Number(head.split(' ')[1]),
    type: /^content-type: (.*)$/im.exec(head)?.[1]?.trim(),
    body,
  }
}

const TEXT = { status: 200, type: 'text/plain; charset=utf-8' }

test.each(FRAMEWORKS)(
  'an app on %s answers with a text, whatever the name and the greeting are',
  async (framework) => {
    const { port, set } = await start(framework)
    expect(await get(port, '/ann')).toEqual({ ...TEXT, body: 'Hello, ann!\n' })
    expect(await get(port, '/')).toEqual({ ...TEXT, body: 'Hello, world!\n' })
    expect(await get(port, '/ann?a=b')).toEqual({ ...TEXT, body: 'Hello, ann!\n' })
    expect(await get(port, '/J%C3%B6rg')).toEqual({ ...TEXT, body: 'Hello, Jörg!\n' })
    set({ greeting: '<script>alert(0)</script>' })
    expect(await get(port, '/%3Cscript%3Ealert(1)%3C%2Fscript%3E')).toEqual({
      ...TEXT,
      body: '<script>alert(0)</script>, <script>alert(1)</script>!\n',
    })
    expect(await get(port, '/readyz')).toMatchObject({
      status: 200,
      type: expect.stringMatching(/^application\/json\b/),
    })
  },
)

test.each(FRAMEWORKS)('an app on %s goes on after paths that are none', async (framework) => {
  const { port } = await start(framework)
  for (const path of [
    '//',
    '///',
    'http://[',
    '*',
    '/%',
    '/%ff',
    '//[',
    '/\\',
    '/a/b',
    `/${'a'.repeat(9_000)}`,
  ]) {
    const { status, body } = await get(port, path)
    expect(status, path).toBeLessThan(500)
    expect(status === 200 ? body : '', path).not.toContain('%')
  }
  expect(await get(port, '/ann')).toEqual({ ...TEXT, body: 'Hello, ann!\n' })
})
