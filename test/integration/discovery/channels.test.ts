import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { freePorts } from '../../support/free-ports.ts'
import { waitFor } from '../../support/wait-for.ts'
import { serviceAt, startProvider } from './discovery-kit.ts'

oneEtcd('the diagnostics channel of requests', (etcd) => {
  withoutOpenHandles()

  test('says how each request has ended, once, and nothing secret', async () => {
    const server = await etcd.start()
    const [dead] = await freePorts(1)
    const provider = await startProvider((request, response) => {
      if (request.url?.startsWith('/bad') === true) response.statusCode = 500
      if (request.url === '/never') return
      response.end('ok')
    })
    const { discovery, service } = await serviceAt(server.endpoint, [`127.0.0.1:${dead}`, provider.address], {
      policy: { default: { algorithm: 'pick-first' } },
    })
    const seen: Record<string, unknown>[] = []
    const onRequest = (message: unknown): void => {
      if ((message as { service: string }).service === service) seen.push(message as Record<string, unknown>)
    }
    subscribe('livetree.discovery:request', onRequest)
    onTestFinished(() => void unsubscribe('livetree.discovery:request', onRequest))
    const view = await discovery.openService(service)
    await view.fresh()
    const get = (path: string, signal?: AbortSignal) =>
      view
        .request({ path, method: 'GET', headers: { authorization: 'secret' }, ...(signal ? { signal } : {}) })
        .then(({ body }) => body.dump())
    await get('/good?token=secret')
    await get('/bad')
    await expect(get('/never', AbortSignal.timeout(300))).rejects.toThrow()
    await waitFor(() => seen.length === 3)
    const { address } = provider
    expect(seen).toEqual([
      expect.objectContaining({
        method: 'GET',
        attempts: 2,
        id: '1',
        address,
        status: 200,
        error: undefined,
      }),
      expect.objectContaining({ status: 500, error: undefined }),
      expect.objectContaining({ status: undefined, error: expect.any(Error) }),
    ])
    expect(seen.every(({ durationMs }) => typeof durationMs === 'number' && durationMs > 0)).toBe(true)
    expect(Number(seen[2]?.durationMs)).toBeGreaterThan(250)
    expect(JSON.stringify(seen)).not.toContain('secret')
    expect(seen.every((message) => Object.isFrozen(message))).toBe(true)
  })
})
