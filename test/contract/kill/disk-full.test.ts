import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KV } from '@livetree/etcd/wire'
import { expect, onTestFinished, test } from 'vitest'
import { put } from '../contract-server.ts'
import { RawClient } from '../raw-client.ts'
import { ServerProcess } from './server-process.ts'

/** No file may grow beyond this, in blocks of 512 bytes: a full disk, as far as a write can tell. */
const smallFiles = ['sh', '-c', 'ulimit -f 1000; exec "$@"', 'sh']

test('embedded in a file: when the disk is full it answers no write it could lose, ends with 1, and comes back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-full-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const data = `--data=${join(folder, 'etcd.db')}`
  const server = await ServerProcess.start([data], smallFiles)
  const client = new RawClient(server.endpoint)
  onTestFinished(() => client.close())
  const acknowledged: string[] = []
  let refused: unknown
  while (refused === undefined) {
    const key = `k${acknowledged.length}`
    refused = await put(client, key, 'x'.repeat(20_000)).then(
      () => void acknowledged.push(key),
      (error: unknown) => error,
    )
  }
  expect(acknowledged.length).toBeGreaterThan(3)
  expect(await server.ended()).toBe(1)
  const again = await ServerProcess.start([data])
  const reader = new RawClient(again.endpoint)
  const { kvs } = await reader.call(KV.range, { key: 'k', rangeEnd: 'l' })
  const kept = kvs.map(({ key }) => key.toString())
  // The one that was refused may be there; every one that was acknowledged is.
  expect(acknowledged.filter((key) => !kept.includes(key))).toEqual([])
  await reader.close()
  await again.end('SIGTERM')
})
