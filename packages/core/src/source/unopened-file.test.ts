import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { recordSource } from '../testing/record-source.ts'
import { file } from './file.ts'

async function reasonAt(path: string): Promise<string | undefined> {
  const recorder = recordSource(file(path, { format: 'yaml', pollMs: 0, watch: false }))
  try {
    await expect.poll(() => recorder.calls).not.toHaveLength(0)
    return recorder.calls.flatMap((call) => (call.type === 'lost' ? call.error.message : []))[0]
  } finally {
    await recorder.connection.close()
  }
}

it('says what to do where a path leads to a socket, as /dev/stdin does in the child of a Node process', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'livetree-socket-'))
  const path = join(directory, 'socket')
  const server = createServer()
  try {
    await new Promise<void>((resolve) => server.listen(path, resolve))
    expect(await reasonAt(path)).toMatch(/Cannot read .*socket: it is a socket, .*Give a file or a pipe/)
  } finally {
    await new Promise((resolve) => server.close(resolve))
    await rm(directory, { recursive: true })
  }
})

it.runIf(process.platform === 'linux')('says what to do where a path leads to a terminal', async () => {
  expect(await reasonAt('/dev/ptmx')).toMatch(/Cannot read .*: it is a terminal, .*Give a file or a pipe/)
})
