import type { INestApplication } from '@nestjs/common'
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { oneRealEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

/** The app of docs/migrate-from-nestjs-config.md, as it was and as it has become. */
const page = readFileSync(new URL('../../../docs/migrate-from-nestjs-config.md', import.meta.url), 'utf8')

async function home(app: INestApplication): Promise<unknown> {
  return (await fetch(await app.getUrl(), { headers: { connection: 'close' } })).json()
}

function stub(environment: Record<string, string>): void {
  for (const [name, value] of Object.entries({ PORT: '0', ...environment })) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
}

const answer = { greeting: 'Hello', pageSize: 50, mail: 'from post@example.com, 3 retries' }

test('before: @nestjs/config reads the environment', async () => {
  stub({ GREETING: 'Hello', PAGE_SIZE: '50', MAIL_FROM: 'post@example.com' })
  const { bootstrap } = await import('./before/main.ts')
  const app = await bootstrap()
  onTestFinished(() => app.close())
  expect(await home(app)).toEqual(answer)
})

oneRealEtcd('after: livetree', (etcd) => {
  test('reads the same environment by its new names, and the tree, and follows it', async () => {
    const server = await etcd.start()
    await server.etcdctl(['put', '/config/app/greeting', 'Hello'])
    stub({
      APP_PAGE_SIZE: '50',
      APP_MAIL__FROM: 'post@example.com',
      ETCD_ENDPOINTS: server.endpoint,
    })
    const { bootstrap } = await import('./after/main.ts')
    const app = await bootstrap()
    onTestFinished(() => app.close())
    expect(await home(app)).toEqual(answer)
    await server.etcdctl(['put', '/config/app/mail/retries', '5'])
    await waitFor(async () => JSON.stringify(await home(app)).includes('5 retries'))
    await server.etcdctl(['put', '/config/app/greeting', 'Welcome'])
    await waitFor(async () => JSON.stringify(await home(app)).includes('Welcome'))
  })
})

test('every file the page shows is the file that was tried', () => {
  const shown = [...page.matchAll(/```ts\n\/\/ ((?:before|after)\/\S+)\n([\s\S]*?)```/g)]
  expect(shown.length).toBeGreaterThanOrEqual(8)
  for (const [, path, code] of shown) {
    expect(code, path).toBe(readFileSync(new URL(path!, import.meta.url), 'utf8'))
  }
})
