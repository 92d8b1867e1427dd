import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { boundAddress } from './bound-address.ts'

it('says of a server that was closed that it was the server, not etcd, and points to no cause', async () => {
  const server = createServer()
  const bound = boundAddress(server, new AbortController().signal)
  server.emit('close')
  const error = await bound.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'not_registered' })
  expect((error as Error).cause).toBeUndefined()
  expect(String(error)).not.toMatch(/cause|etcd/)
})

it('names the caller as the reason of a cancelled registration, in a whole sentence', async () => {
  const bound = boundAddress(createServer(), AbortSignal.abort('enough'))
  await expect(bound).rejects.toThrow(
    /^\[cancelled\] register was cancelled\. The caller asked for it: `cause`/,
  )
})
