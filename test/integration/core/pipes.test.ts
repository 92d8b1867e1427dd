import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { runScript } from '../../support/run-script.ts'

withoutOpenHandles()

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-pipes-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('a pipe', () => {
  const PIPE = (path: string) => `
    import { defineConfig, file } from '@livetree/core'
    import * as z from 'zod'
    const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number().default(1) }) })
    const started = performance.now()
    try {
      const config = await shop.load({ sources: [file(${path}, { format: 'yaml', pollMs: 30 })], startup: { timeoutMs: 2_000 } })
      await new Promise((resolve) => setTimeout(resolve, 300))
      await config.refresh()
      console.log('port', config.current.port)
      await config.close()
    } catch (error) {
      console.log(error.message)
    }
    console.log('ended', performance.now() - started < 4_000)
  `

  it('of the shell, whole or slow, is read once and stays', async () => {
    for (const command of ['echo port: 8080', '(printf "port: "; sleep 0.4; echo 8080)']) {
      const { stdout, stderr } = await runScript(PIPE('process.argv.at(-1)'), {
        shell: `exec "$0" "$@" -- <(${command})`,
      })
      expect(stderr).toBe('')
      expect(stdout).toBe('port 8080\nended true\n')
    }
  })

  it('of a command that failed says so', async () => {
    const { stdout } = await runScript(PIPE('process.argv.at(-1)'), { shell: `exec "$0" "$@" -- <(false)` })
    expect(stdout).toMatch(
      /Cannot read \/dev\/fd\/\d+: it is a pipe that gave nothing: look whether the command/,
    )
    expect(stdout).toContain('ended true')
  })

  it('on standard input is read to its end', async () => {
    const { stdout } = await runScript(PIPE(`'/dev/stdin'`), { shell: `echo port: 8080 | "$0" "$@"` })
    expect(stdout).toBe('port 8080\nended true\n')
  })

  it('with a name is waited for, within the time of the start, and the process can end (P8, P11)', async () => {
    const fifo = join(directory, 'fifo')
    await promisify(execFile)('mkfifo', [fifo])
    const late = await runScript(PIPE(`'${fifo}'`), {
      shell: `(sleep 0.5; echo port: 8080 > '${fifo}') & exec "$0" "$@"`,
    })
    expect(late.stdout).toBe('port 8080\nended true\n')
    // nobody writes; somebody opens it and is silent
    for (const writer of ['true', `sleep 20 > '${fifo}' &`]) {
      const { stdout, exitCode } = await runScript(PIPE(`'${fifo}'`), {
        shell: `${writer}\n"$0" "$@"; code=$?; kill $! 2>/dev/null; exit $code`,
      })
      expect(stdout).toMatch(/\[startup_timeout\] Configuration "shop" did not load within 2000 ms/)
      expect(stdout).toContain('ended true')
      expect(exitCode).toBe(0)
    }
  })

  it('with a name that is a file before and after is read in each of its forms', async () => {
    const path = join(directory, 'config.yaml')
    const script = `
      import { defineConfig, file } from '@livetree/core'
      import { execFileSync } from 'node:child_process'
      import { rmSync, writeFileSync } from 'node:fs'
      import * as z from 'zod'
      const path = '${path}'
      writeFileSync(path, 'port: 1')
      const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number() }) })
      const config = await shop.load({ sources: [file(path, { pollMs: Number(process.argv.at(-1)) })] })
      const reaches = async (port) => {
        while (config.current.port !== port) await config.changed()
        console.log('port', port)
      }
      for (const port of [2, 4]) {
        rmSync(path)
        execFileSync('sh', ['-c', 'mkfifo "$1" && { echo "port: $2" > "$1" & }', 'sh', path, String(port)], { stdio: 'ignore' })
        await reaches(port)
        rmSync(path)
        writeFileSync(path, 'port: ' + (port + 1))
        await reaches(port + 1)
      }
      await config.close()
    `
    for (const pollMs of [0, 300]) {
      const { stdout } = await runScript(script, { shell: `exec "$0" "$@" -- ${pollMs}` })
      expect(stdout).toBe('port 2\nport 3\nport 4\nport 5\n')
    }
  })

  describe('whose writer does not close it', () => {
    const SCRIPT = (steps: string) => `
      import { defineConfig, file } from '@livetree/core'
      import { execFileSync } from 'node:child_process'
      import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
      import * as z from 'zod'
      const path = '${join(directory, 'config.yaml')}'
      const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number() }) })
      const load = () => shop.load({ sources: [file(path, { pollMs: 200 })], logger: false, startup: { timeoutMs: 20_000 } })
      const fifo = () => {
        rmSync(path, { force: true })
        execFileSync('mkfifo', [path])
        return openSync(path, 'r+')
      }
      const until = async (test) => {
        while (!test()) await new Promise((resolve) => setTimeout(resolve, 20))
      }
      ${steps}
    `

    it('is reported, refresh rejects, and what was read stays; closed, it is taken', async () => {
      const { stdout } = await runScript(
        SCRIPT(`
          writeFileSync(path, 'port: 1')
          const config = await load()
          const writer = fifo()
          writeSync(writer, 'port: ')
          await until(() => config.health.reason !== undefined)
          console.log(config.current.port, config.health.reason)
          console.log(await config.refresh().then(() => 'resolves', (error) => error.code))
          writeSync(writer, '2\\n')
          closeSync(writer)
          await until(() => config.current.port === 2)
          await config.refresh()
          console.log(config.current.port, config.health.reason)
          await config.close()
        `),
      )
      expect(stdout).toMatch(/^1 .*it is a pipe, and what writes to it has not closed it for 2 seconds/)
      expect(stdout).toMatch(/\nsource_unavailable\n2 undefined\n$/)
    })

    it('is given up when a file takes its place, at the start and later, and the process can end', async () => {
      const { stdout, exitCode } = await runScript(
        SCRIPT(`
          const first = fifo()
          writeSync(first, 'port: ')
          setTimeout(() => {
            rmSync(path)
            writeFileSync(path, 'port: 3')
          }, 2_500)
          const config = await load()
          console.log(config.current.port)
          const writer = fifo()
          writeSync(writer, 'port: ')
          await until(() => config.health.reason !== undefined)
          rmSync(path)
          writeFileSync(path, 'port: 4')
          await until(() => config.current.port === 4)
          await config.refresh()
          console.log(config.current.port, config.health.reason)
          const last = fifo()
          writeSync(last, 'port: ')
          await until(() => config.health.reason !== undefined)
          await config.close()
          for (const fd of [first, writer, last]) closeSync(fd)
          console.log('closed')
        `),
      )
      expect(stdout).toBe('3\n4 undefined\nclosed\n')
      expect(exitCode).toBe(0)
    })
  })
})
