import 'reflect-metadata'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createConsole } from '@livetree/console'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import express from 'express'
import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openShop, type Shop } from '../../console/shop.ts'

const TOKEN = 'token-of-the-tests-0123456789abcdefghijkl'
const AT = '/ops/config'
let shop: Shop

beforeAll(async () => {
  shop = await openShop({ token: TOKEN })
})
afterAll(() => shop[Symbol.asyncDispose]())

const open = () => createConsole({ admin: shop.admin as never, token: TOKEN, basePath: AT })
type Mounted = { readonly address: string; readonly close: () => Promise<unknown> }

async function listening(server: Server): Promise<Mounted> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { address: `http://127.0.0.1:${port}`, close }
}

class Empty {}
Module({})(Empty)

const mounts: Readonly<Record<string, (pages: ReturnType<typeof open>) => Promise<Mounted>>> = {
  'node:http': (pages) => listening(createServer((request, response) => void pages.node(request, response))),
  'Express, after a parser of bodies': (pages) => {
    const app = express()
    app.use(express.json())
    app.use(AT, pages.node)
    return listening(createServer(app))
  },
  'Express, after one that leaves the bytes': (pages) => {
    const app = express()
    app.use(express.raw({ type: '*/*' }))
    app.use(AT, pages.node)
    return listening(createServer(app))
  },
  'Express, after one that leaves the text': (pages) => {
    const app = express()
    app.use(express.text({ type: '*/*' }))
    app.use(AT, pages.node)
    return listening(createServer(app))
  },
  async Fastify(pages) {
    const app = fastify()
    app.post('/own', async (request) => request.body)
    await app.register(pages.fastify, { prefix: AT })
    return { address: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() }
  },
  async NestJS(pages) {
    const app = await NestFactory.create(Empty, { logger: false })
    app.use(AT, pages.node)
    await app.listen(0, '127.0.0.1')
    return { address: (await app.getUrl()).replace('[::1]', '127.0.0.1'), close: () => app.close() }
  },
}

/** A proxy that serves what is at `AT` there at `/public` here. */
function rewriting(target: string): Promise<Mounted> {
  const { hostname, port } = new URL(target)
  return listening(
    createServer((request, response) => {
      const path = (request.url ?? '/').replace(/^\/public/, AT)
      const headers = { ...request.headers, host: `${hostname}:${port}` }
      const sent = httpRequest({ hostname, port, path, method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      })
      request.pipe(sent)
    }),
  )
}

describe.each(Object.entries(mounts))('mounted in %s', (_, mount) => {
  test.each([AT, '/public'])('works at %s, with every address relative to the page', async (place) => {
    const pages = open()
    const mounted = await mount(pages)
    const proxy = place === AT ? undefined : await rewriting(mounted.address)
    const base = `${(proxy ?? mounted).address}${place}/`
    const headers = {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      'sec-fetch-site': 'same-origin',
    }
    const post = async (address: string, body: object) => {
      const response = await fetch(new URL(address, base), {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      })
      return (await response.json()) as Record<string, unknown>
    }
    try {
      for (const address of [base, base.slice(0, -1)]) {
        const page = await (await fetch(address)).text()
        expect(page).toMatch(/<!doctype html>/)
        expect(page).not.toMatch(/(?:src|href)="\//)
      }
      expect((await fetch(new URL('assets/app.js', base))).status).toBe(200)
      expect((await fetch(new URL('api/session', base), { headers })).status).toBe(200)
      expect(await post('api/tree', { search: 'greeting' })).toMatchObject({
        total: 1,
        rows: [{ value: 'Hello' }],
      })
      const change = { layer: '/config/shop/prod', steps: [{ path: ['mail', 'from'], text: place }] }
      const { digest } = await post('api/plan', change)
      const applied = await post('api/apply', { change, digest, message: 'why', allowRemoval: false })
      expect(applied).toMatchObject({ revision: expect.any(Number) })
      const again = await post('api/apply', { change, digest, message: 'why', allowRemoval: false })
      expect(again).toMatchObject({ code: 'moved' })
      const stop = new AbortController()
      const stream = await fetch(new URL('api/events', base), { headers, signal: stop.signal })
      const first = await stream.body?.getReader().read()
      expect(new TextDecoder().decode(first?.value)).toMatch(/^id: (\d+)\nevent: revision\ndata: \1\n\n$/)
      stop.abort()
    } finally {
      await pages.close()
      await proxy?.close()
      await mounted.close()
    }
  })
})
