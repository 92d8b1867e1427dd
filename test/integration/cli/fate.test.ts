import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { CONFIG } from './support/checkout-config.ts'
import { BIN, makeWorkplace, type Workplace } from './support/livetree-process.ts'

const KEY = '/config/checkout/prod/http/timeoutMs'
const HISTORY = /`livetree history --id ([0-9a-f-]{36})`/

/** A proxy that loses whatever answers the bytes of a write, from when it is told to. */
async function startForgetful(target: string) {
  let isForgetful = false
  let hasSeenWrite = false
  const proxy = await startProxy({
    target,
    admit(bytes) {
      if (!isForgetful || !bytes.includes('/.livetree/history/') || !bytes.includes('"kind"')) return true
      hasSeenWrite = true
      proxy.stall('toClient')
      return true
    },
  })
  return {
    proxy,
    get hasSeenWrite() {
      return hasSeenWrite
    },
    forget() {
      isForgetful = true
      hasSeenWrite = false
    },
    remember() {
      isForgetful = false
      proxy.heal()
    },
  }
}

oneEtcd('what a person learns of a write', (etcd) => {
  let place: Workplace
  let client: EtcdClient
  let between: Awaited<ReturnType<typeof startForgetful>>
  beforeAll(async () => {
    const { endpoint } = await etcd.start()
    client = createEtcdClient({ endpoints: [endpoint] })
    between = await startForgetful(endpoint)
    place = makeWorkplace(CONFIG, { STORE: between.proxy.endpoint })
    await client.kv.put('/config/checkout/base/db/url', 'postgres://db')
  })
  afterAll(async () => {
    place.remove()
    await Promise.all([client.close(), between.proxy.close()])
  })
  const stored = async () => (await client.kv.get(KEY))?.text

  test('a write that nobody answers is unknown, with the command that looks it up', async () => {
    between.forget()
    const late = await place.spawn(['set', 'http.timeoutMs', '801', '--overlay', 'prod', '--timeout', '10s'])
    between.remember()
    expect(late, late.stderr).toMatchObject({ exitCode: 8, stdout: '' })
    const [, id = ''] = HISTORY.exec(late.stderr) ?? []
    expect(id, late.stderr).not.toBe('')
    expect(await stored()).toBe('801')
    const found = await place.spawn(['history', '--id', id, '-o', 'json'])
    expect(JSON.parse(found.stdout)).toMatchObject([{ id, changes: [{ after: { text: '801' } }] }])
  })

  test.each([
    ['SIGINT', '811'],
    ['SIGHUP', '812'],
  ] as const)('%s while a write is sent does not hide its fate', async (signal, value) => {
    between.forget()
    let isAsking = false
    const cut = place.spawn(['set', 'http.timeoutMs', value, '--overlay', 'prod'], {
      onOutput(text, kill) {
        // The second one does not wait for an answer.
        if (!isAsking && text.includes('Asking the store')) {
          isAsking = true
          kill(signal)
        }
      },
      onStart: async (kill) => {
        await expect.poll(() => between.hasSeenWrite).toBe(true)
        kill(signal)
      },
    })
    const run = await cut
    between.remember()
    expect(run, run.stderr).toMatchObject({ exitCode: 8, stdout: '' })
    expect(run.stderr).toMatch(HISTORY)
    expect(await stored()).toBe(value)
  })

  test('a write that is settled after the signal is told as it is', async () => {
    between.forget()
    const run = await place.spawn(['set', 'http.timeoutMs', '803', '--overlay', 'prod'], {
      onOutput(text) {
        if (text.includes('Asking the store')) between.remember()
      },
      onStart: async (kill) => {
        await expect.poll(() => between.hasSeenWrite).toBe(true)
        kill('SIGTERM')
      },
    })
    expect(run, run.stderr).toMatchObject({ exitCode: 0 })
    expect(run.stderr).toContain('Applied 1 change')
    expect(await stored()).toBe('803')
  })

  test('where nothing was sent, nothing was written', async () => {
    between.proxy.stall()
    const late = await place.spawn(['set', 'http.timeoutMs', '1', '--overlay', 'prod', '--timeout', '1s'])
    between.proxy.heal()
    expect(late.exitCode, late.stderr).toBe(124)
    expect(late.stderr).toContain('Nothing was written.')
    const read = await place.spawn(['get', 'http.timeoutMs', '--timeout', '1ms'])
    expect(read.stderr).not.toContain('Nothing was written.')
  })

  test('a write is done, and says so, where nobody reads what it says', async () => {
    for (const closed of ['stdout', 'stderr', 'both'] as const) {
      const value = String(900 + closed.length)
      const child = spawn(process.execPath, [BIN, 'set', 'http.timeoutMs', value, '--overlay', 'prod'], {
        cwd: place.folder,
        env: { ...process.env, STORE: between.proxy.endpoint, LIVETREE_TIMEOUT: '60s' },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      if (closed !== 'stderr') child.stdout.destroy()
      else child.stdout.resume()
      if (closed !== 'stdout') child.stderr.destroy()
      else child.stderr.resume()
      const [exitCode] = (await once(child, 'close')) as [number]
      expect([closed, exitCode, await stored()]).toEqual([closed, 0, value])
    }
  })
})
