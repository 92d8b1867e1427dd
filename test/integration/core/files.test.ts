import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, env, file, type LiveConfig } from '@livetree/core'
import type { Source } from '@livetree/core/source'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { runScript } from '../../support/run-script.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

const shop = defineConfig({
  name: 'shop',
  guard: false,
  schema: z.object({ port: z.number().default(1), host: z.string().default('none') }),
})
type Config = LiveConfig<{ readonly port: number; readonly host: string }>

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

let directory: string
const configs: Config[] = []
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-files-'))
})
afterEach(async () => {
  for (const config of configs.splice(0)) await config.close()
  await rm(directory, { recursive: true, force: true })
})

/** One kind of file: how its text reads, and how it becomes a source. */
interface Kind {
  readonly name: string
  text(port: number, host?: string): string
  source(path: string): Source
}
const KINDS: readonly Kind[] = [
  {
    name: 'a.yaml',
    text: (port, host = 'a') => `host: ${host}\nport: ${port}\n`,
    source: (path) => file(path, { pollMs: 50 }),
  },
  {
    name: 'a.json',
    text: (port, host = 'a') => JSON.stringify({ host, port }),
    source: (path) => file(path, { pollMs: 50 }),
  },
  {
    name: '.env',
    text: (port, host = 'a') => `SHOP_HOST=${host}\nSHOP_PORT=${port}\n`,
    source: (path) => env({ prefix: 'SHOP_', dotenv: [path], environment: {} }),
  },
]

async function load(kind: Kind, path: string): Promise<{ config: Config; seen: number[]; errors: string[] }> {
  const config = (await shop.load({ sources: [kind.source(path)] })) as Config
  configs.push(config)
  const seen: number[] = []
  const errors: string[] = []
  config.watch(
    (c) => c.port,
    (port) => void seen.push(port),
  )
  config.on('error', ({ message }) => errors.push(message))
  config.on('rejected', ({ issues }) => errors.push(...issues.map(({ message }) => message)))
  return { config, seen, errors }
}

describe.each(KINDS)('$name', (kind) => {
  const start = async () => {
    const path = join(directory, kind.name)
    await writeFile(path, kind.text(8080))
    return { path, ...(await load(kind, path)) }
  }

  it.each([20, 60, 150])('that is truncated and written %i ms later is one change', async (ms) => {
    const { path, config, seen, errors } = await start()
    for (const port of [8081, 8082]) {
      await truncate(path)
      await pause(ms)
      await writeFile(path, kind.text(port))
      await waitFor(() => config.current.port === port)
    }
    expect(seen).toEqual([8081, 8082])
    expect(errors).toEqual([])
  })

  it('that is cut in a value while it is written counts when it is whole', async () => {
    const { path, config, seen, errors } = await start()
    const text = kind.text(9191)
    const handle = await open(path, 'w')
    for (const part of [text.slice(0, -4), text.slice(-4)]) {
      await handle.write(part)
      await pause(120)
    }
    await handle.close()
    await waitFor(() => config.current.port === 9191)
    expect(seen).toEqual([9191])
    expect(errors).toEqual([])
  })

  it('that is emptied keeps its last values, says so, and is back when it is written', async () => {
    const { path, config, seen } = await start()
    await truncate(path)
    await waitFor(() => config.status.sources[0]!.state === 'lost')
    expect(config.status.sources[0]!.lastError?.message).toMatch(
      /Cannot read .*: it is empty\. What it held before stays/,
    )
    expect(config.health.reason).toMatch(/is lost: .*it is empty/)
    expect(config.current.port).toBe(8080)
    await writeFile(path, kind.text(8080))
    await waitFor(() => config.status.sources[0]!.state === 'live')
    await writeFile(path, kind.text(8081))
    await waitFor(() => config.current.port === 8081)
    expect(seen).toEqual([8081])
  })

  it('that is deleted and made again within a moment changes nothing', async () => {
    const { path, config, seen, errors } = await start()
    await unlink(path)
    await pause(60)
    await writeFile(path, kind.text(8080))
    await config.refresh()
    await writeFile(path, kind.text(8081))
    await waitFor(() => config.current.port === 8081)
    expect(seen).toEqual([8081])
    expect(errors).toEqual([])
  })

  it('whose place a directory takes, or that may not be read, keeps its last values, and is back', async () => {
    const { path, config, seen } = await start()
    await unlink(path)
    await mkdir(path)
    await waitFor(() => /it is a directory/.test(config.health.reason ?? ''))
    expect(config.current.port).toBe(8080)
    await rm(path, { recursive: true })
    await writeFile(`${path}.new`, kind.text(8081))
    await rename(`${path}.new`, path)
    await waitFor(() => config.current.port === 8081)
    expect(config.status.sources[0]!.state).toBe('live')
    if (process.getuid?.() !== 0) {
      await chmod(path, 0)
      await waitFor(() => /may not read it/.test(config.health.reason ?? ''))
      expect(config.current.port).toBe(8081)
    }
    expect(seen).toEqual([8081])
  })

  it('that is truncated while a process starts is waited for', async () => {
    const path = join(directory, kind.name)
    await writeFile(path, '')
    const loading = load(kind, path)
    await pause(60)
    await writeFile(path, kind.text(8080))
    expect((await loading).config.current.port).toBe(8080)
  })

  it('is found by a relative path after chdir', async () => {
    await writeFile(join(directory, kind.name), kind.text(8080))
    await mkdir(join(directory, 'elsewhere'))
    const { exitCode, stdout, stderr } = await runScript(
      `
      import { writeFile } from 'node:fs/promises'
      import { defineConfig, env, file } from '@livetree/core'
      import * as z from 'zod'
      const directory = ${JSON.stringify(directory)}
      process.chdir(directory)
      const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number().default(1), host: z.string() }) })
      const source = ${kind.name === '.env' ? `env({ prefix: 'SHOP_', dotenv: ['.env'], environment: {} })` : `file('${kind.name}', { pollMs: 50 })`}
      const config = await shop.load({ sources: [source] })
      process.chdir(directory + '/elsewhere')
      await new Promise((resolve) => setTimeout(resolve, 200))
      await config.refresh()
      console.log(config.current.port)
      await writeFile('../${kind.name}', ${JSON.stringify(kind.text(8081))})
      await config.changed({ timeoutMs: 10_000 })
      console.log(config.current.port)
      await config.close()
      `,
    )
    expect(stderr).toBe('')
    expect(stdout).toBe('8080\n8081\n')
    expect(exitCode).toBe(0)
  })

  it('that is far too large is refused by its size', async () => {
    const path = join(directory, kind.name)
    await writeFile(path, kind.text(8080))
    await truncate(path, 100 * 2 ** 20)
    await expect(load(kind, path)).rejects.toThrow(/Cannot read .*: it is larger than 16 MB/)
  })
})

it('behind a link of a Kubernetes volume is never seen half, nor gone', async () => {
  const publish = async (name: string, port: number) => {
    await mkdir(join(directory, name))
    await writeFile(join(directory, name, 'a.yaml'), KINDS[0]!.text(port))
    await symlink(name, join(directory, '..data_tmp'))
    await rename(join(directory, '..data_tmp'), join(directory, '..data'))
  }
  await publish('..one', 1)
  await symlink('..data/a.yaml', join(directory, 'a.yaml'))
  const { config, seen, errors } = await load(KINDS[0]!, join(directory, 'a.yaml'))
  for (const port of [2, 3, 4]) {
    await publish(`..${port}`, port)
    await waitFor(() => config.current.port === port)
  }
  // a copy beside, renamed over
  await copyFile(join(directory, 'a.yaml'), join(directory, 'b.yaml'))
  await rename(join(directory, 'b.yaml'), join(directory, 'a.yaml'))
  await config.refresh()
  expect(seen).toEqual([2, 3, 4])
  expect(errors).toEqual([])
})

it('the snapshot on disk stays where it was when the process changes its directory', async () => {
  const { exitCode, stdout, stderr } = await runScript(`
    import { mkdir, stat } from 'node:fs/promises'
    import { defineConfig } from '@livetree/core'
    import { createManualSource } from '@livetree/core/testing'
    import * as z from 'zod'
    const directory = ${JSON.stringify(directory)}
    process.chdir(directory)
    await mkdir('elsewhere')
    const store = createManualSource({ name: 'etcd' })
    const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number().default(1) }) })
    const loading = shop.load({ sources: [store], snapshot: { path: 'shop.snapshot', intervalMs: 60_000 } })
    store.replace(1, {})
    const config = await loading
    process.chdir('elsewhere')
    await config.close()
    console.log((await stat(directory + '/shop.snapshot')).isFile())
  `)
  expect(stderr).toBe('')
  expect(stdout).toBe('true\n')
  expect(exitCode).toBe(0)
})
