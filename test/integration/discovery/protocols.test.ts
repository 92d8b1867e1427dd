import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttp2Server, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { Server } from 'node:net'
import { request } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { makeCertificates } from '../../support/make-certificates.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { discoveryOn } from './discovery-kit.ts'

async function listening<S extends Server>(server: S): Promise<S> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return server
}

oneEtcd('other protocols', (etcd) => {
  withoutOpenHandles()

  test('HTTP/2 without TLS: requests share a connection, and a shutdown waits for those that run', async () => {
    const etcdServer = await etcd.start()
    const { discovery } = discoveryOn(etcdServer.endpoint)
    const held: (() => void)[] = []
    const sessions = new Set<unknown>()
    const server = createHttp2Server((incoming, response) => {
      sessions.add(incoming.stream.session)
      if (incoming.url === '/slow') held.push(() => void response.end('late'))
      else response.end(`${incoming.httpVersion} ${incoming.method}`)
    })
    const registration = await discovery.register({
      service: 'two',
      protocol: 'h2c',
      server: await listening(server),
    })
    const dispatcher = discovery.dispatcher()
    const get = async (path: string) =>
      (await request(`http://two.service${path}`, { dispatcher })).body.text()
    expect(await Promise.all([get('/a'), get('/b'), get('/c')])).toEqual(['2.0 GET', '2.0 GET', '2.0 GET'])
    expect(sessions.size).toBe(1)
    const slow = get('/slow')
    await waitFor(() => held.length === 1)
    const ending = registration.shutdown({ propagationMs: 100, drainMs: 30_000 })
    await waitFor(() => !server.listening)
    held[0]?.()
    expect(await slow).toBe('late')
    await ending
  })

  test('HTTPS: the certificate must have the name of the service, or the one that was given', async () => {
    const certificates = await makeCertificates()
    onTestFinished(() => certificates[Symbol.asyncDispose]())
    const [ca, cert, key] = [certificates.ca, certificates.server.cert, certificates.server.key].map((path) =>
      readFileSync(path),
    )
    const etcdServer = await etcd.start()
    const secure = { cert: cert as Buffer, key: key as Buffer }
    const server = await listening(createHttpsServer(secure, (_, response) => void response.end('safe')))
    const tls = { ca: ca as Buffer }
    const policy = { default: { outliers: { failuresInRow: 0 } } }
    const strict = discoveryOn(etcdServer.endpoint, { tls, policy }).discovery
    await strict.register({ service: 'safe', protocol: 'https', server })
    const ask = async (of: typeof strict) => {
      const { body } = await request('http://safe.service/', { dispatcher: of.dispatcher() })
      return body.text()
    }
    const refused = await ask(strict).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'request_failed' })
    expect((refused as Error).cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    const named = discoveryOn(etcdServer.endpoint, { tls: { ...tls, serverName: 'localhost' } }).discovery
    expect(await ask(named)).toBe('safe')
    for (const headers of [{}, { host: 'shop.example' }]) {
      const options = {
        tls: { ...tls, serverName: 'localhost' },
        policy: { default: { hostHeader: 'service' } },
      }
      const { discovery } = discoveryOn(etcdServer.endpoint, options as never)
      const dispatcher = discovery.dispatcher()
      const answer = await request('https://safe.service/', { dispatcher, headers })
      expect(await answer.body.text(), 'the host header does not say whom to trust').toBe('safe')
    }
    const headers = { host: 'localhost' }
    const fooled = await request('http://safe.service/', { dispatcher: strict.dispatcher(), headers }).catch(
      (error: unknown) => error,
    )
    expect(fooled).toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } })
    const distrusting = discoveryOn(etcdServer.endpoint, { tls: { serverName: 'localhost' } }).discovery
    await expect(ask(distrusting)).rejects.toMatchObject({ code: 'request_failed' })
  })

  test('HTTP/2 over TLS is shut down too', async () => {
    const certificates = await makeCertificates()
    onTestFinished(() => certificates[Symbol.asyncDispose]())
    const { cert, key } = certificates.server
    const etcdServer = await etcd.start()
    const { discovery } = discoveryOn(etcdServer.endpoint)
    const secure = { cert: readFileSync(cert), key: readFileSync(key), allowHTTP1: true }
    const server = await listening(createSecureServer(secure, (_, response) => void response.end('ok')))
    const registration = await discovery.register({ service: 'both', protocol: 'https', server })
    await registration.shutdown({ propagationMs: 0 })
    expect(server.listening).toBe(false)
  })
})
