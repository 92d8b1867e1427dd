import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createProgram } from '@livetree/cli'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CONFIG } from './support/checkout-config.ts'
import { makeWorkplace, type Workplace } from './support/livetree-process.ts'

// Nothing listens there: what is wrong is said before the store is asked.
const NOWHERE = "'http://127.0.0.1:1'"

function workplace(config: string | undefined): Workplace {
  const place = makeWorkplace(config?.replace("process.env['STORE'] ?? ''", NOWHERE))
  onTestFinished(() => place.remove())
  return place
}

async function fails(place: Workplace, exitCode: number, args: readonly string[]): Promise<string> {
  const run = await place.run(args)
  expect(run, `${args.join(' ')}: ${run.stderr}`).toMatchObject({ exitCode, stdout: '' })
  expect(run.stderr).not.toContain('defect')
  return run.stderr
}

type Command = ReturnType<typeof createProgram>

/** Every command, with arguments that are right. */
function everyCommand(): readonly { readonly words: readonly string[]; readonly command: Command }[] {
  const program = createProgram()
  const leavesOf = (command: Command, words: readonly string[]): ReturnType<typeof everyCommand> =>
    command.commands.length > 0
      ? command.commands.flatMap((inner) => leavesOf(inner, [...words, inner.name()]))
      : [{ words, command }]
  return leavesOf(program, [])
}

/** What fills the arguments of a command, by their names. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  path: 'http.timeoutMs',
  value: '5',
  file: 'good.yaml',
  a: 'live',
  b: 'live',
  before: 'schema.json',
  shell: 'bash',
  id: 'x',
}

describe('livetree, wrong input', () => {
  test('every flag of every command is refused where its value is empty, and one that does not exist', async () => {
    const place = workplace(CONFIG)
    place.write('good.yaml', 'db: { url: x }\n')
    place.write('schema.json', '{}')
    const accepted: string[] = []
    for (const { words, command } of everyCommand()) {
      const needed = command.registeredArguments.filter(({ required }) => required)
      const given = [...words, ...needed.map((argument) => ARGUMENTS[argument.name()] ?? '?')]
      const flags = command.options.filter((option) => option.required || option.optional)
      const mandatory = (but: string) =>
        flags
          .filter(({ mandatory: isNeeded, long }) => isNeeded && long !== but)
          .flatMap(({ long = '' }) => [long ?? '', long === '--to' ? '2' : 'good.yaml'])
      for (const flag of [...flags.map(({ long }) => long ?? ''), '--nonsens']) {
        const value = flag === '--nonsens' ? [] : ['']
        const run = await place.run([...given, ...mandatory(flag), '--timeout', '200ms', flag, ...value])
        const isRefused = run.exitCode === 64 && run.stdout === '' && run.stderr.includes(flag)
        if (!isRefused)
          accepted.push(`${words.join(' ')} ${flag}: ${run.exitCode} ${run.stderr.split('\n')[0]}`)
      }
    }
    expect(accepted).toEqual([])
  })

  test('a time that no timer takes is refused, and the longest is one', async () => {
    const place = workplace(CONFIG)
    expect(await fails(place, 64, ['schema', 'print', '--timeout', '99999m'])).toContain('at most 20 days')
    expect(await place.run(['schema', 'print', '--timeout', '28800m'])).toMatchObject({ exitCode: 0 })
  })

  test('an empty stdin is what a failed command leaves: nothing is done with it', async () => {
    const place = workplace(CONFIG)
    for (const args of [
      ['set', 'db.url', '-', '--overlay', 'base'],
      ['import', '-', '--overlay', 'base', '--prune', '--yes'],
      ['apply', '-f', '-', '--overlay', 'base', '--yes'],
      ['plan', '-f', '-', '--overlay', 'base'],
      ['validate', '-'],
      ['diff', 'live', 'file:-'],
    ])
      expect(await fails(place, 64, args)).toContain('stdin is empty')
  })

  test('a file without an end is not read to its end', async () => {
    const before = process.memoryUsage().arrayBuffers
    for (const args of [
      ['set', 'http.timeoutMs', '@/dev/zero', '--overlay', 'base'],
      ['import', '/dev/zero', '--overlay', 'base'],
      ['apply', '/dev/zero'],
      ['validate', '/dev/zero'],
    ])
      expect(await fails(workplace(CONFIG), 64, args)).toContain('more than 16777216 bytes')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024 * 1024)
  })

  test.each([
    ['throws', "() => { throw new Error('DB_HOST is not set') }", 'DB_HOST is not set'],
    ['returns a promise', 'async () => []', 'returns no list'],
  ])('a sources() that %s is a wrong file, and no defect', async (_, sources, said) => {
    const place = workplace(CONFIG.replace(/sources: .*/, `sources: (${sources}) as never,`))
    place.write('good.yaml', 'db: { url: x }\n')
    for (const args of [['tree'], ['check'], ['doctor'], ['validate', 'good.yaml']])
      expect(await fails(place, 64, args)).toContain(said)
  })

  test.each([
    ['throws in a callback', "setImmediate(() => { throw new Error('no DB_HOST') })", 'no DB_HOST'],
    ['rejects', "void Promise.reject(new Error('no DB_HOST'))", 'no DB_HOST'],
    ['throws what has no text', 'setImmediate(() => { throw Object.create(null) })', 'has no text'],
  ])('a configuration file that %s where nobody catches it is a wrong file', async (_, code, said) => {
    const place = workplace(`${CONFIG}\n${code}\nawait new Promise((resolve) => setTimeout(resolve, 100))\n`)
    for (const args of [['tree'], ['set', 'http.timeoutMs', '1', '--overlay', 'base']]) {
      const run = await place.spawn(args)
      expect(run).toMatchObject({ exitCode: 64, stdout: '' })
      expect(run.stderr).toContain('livetree.config.ts, or what it imports, threw where nobody catches it')
      expect(run.stderr).toContain(said)
      expect(run.stderr).not.toContain('process.exit')
      expect(run.stderr).not.toContain('    at ')
      expect(run.stderr.includes('Nothing was written')).toBe(args[0] === 'set')
    }
  })

  test('a configuration file that waits for ever is named', async () => {
    const place = workplace(`${CONFIG}\nawait new Promise((resolve) => setTimeout(resolve, 100_000))\n`)
    for (const command of ['tree', 'doctor', 'check']) {
      const run = await place.spawn([command, '--timeout', '1'])
      expect(run).toMatchObject({ exitCode: 124, stdout: '' })
      expect(run.stderr).toContain('livetree.config.ts was not imported within 1 s')
    }
  })

  test('a loop in the configuration file ends with a signal', async () => {
    const place = workplace("console.log('looping')\nfor (;;) {}\n")
    let isKilled = false
    const run = await place.spawn(['tree'], {
      onOutput: (text, kill) => {
        if (isKilled || !text.includes('looping')) return
        isKilled = true
        kill('SIGINT')
      },
    })
    expect(run).toMatchObject({ exitCode: null, stdout: '' })
  })

  test('init writes a file that can be read, or says why not', async () => {
    const place = workplace(undefined)
    expect(await fails(place, 64, ['init', '--name', 'a\nb'])).toContain('no name')
    expect(existsSync(join(place.folder, 'livetree.config.ts'))).toBe(false)
    const odd = ['--name', "it's", '--root', '/config/a\u2028\\n"', '--overlays', "base,o'brien"]
    const written = await place.run(['init', ...odd])
    expect(written, written.stderr).toMatchObject({ exitCode: 0 })
    const printed = await place.run(['schema', 'print'])
    expect(printed, printed.stderr).toMatchObject({ exitCode: 0 })
    expect(readFileSync(join(place.folder, 'livetree.config.ts'), 'utf8')).toContain("'o\\'brien'")
    const other = workplace(undefined)
    mkdirSync(join(other.folder, 'livetree.config.ts'))
    expect(await fails(other, 64, ['init', '--force'])).toContain('cannot be written')
  })

  test('validate reads what can be read once only', async () => {
    const place = workplace(CONFIG)
    const pipe = join(place.folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const validated = async (text: string) => {
      place.write('text.yaml', text)
      const writer = spawn('sh', ['-c', `cat '${place.folder}/text.yaml' > '${pipe}'`])
      const isDone = once(writer, 'exit')
      const run = await place.run(['validate', 'pipe'])
      await isDone
      return run
    }
    const accepted = await validated('db: { url: x }\n')
    expect(accepted, accepted.stderr).toMatchObject({ exitCode: 0 })
    const refused = await validated('db: { pool: { max: many } }\n')
    expect(refused).toMatchObject({ exitCode: 5, stdout: '' })
    expect(refused.stderr).toContain('db.pool.max')
    // What Node gives a child is a socket, which has no path that could be opened.
    const socket = await place.spawn(['validate', '/dev/stdin'], { input: 'db: { url: x }\n' })
    expect(socket).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('give - for stdin') })
  })

  test('overlays and layers are completed as paths are', async () => {
    const place = workplace(CONFIG)
    const offered = async (...words: string[]) =>
      (await place.run(['complete', '--', ...words])).stdout.split('\n').map((line) => line.split('\t')[0])
    expect(await offered('set', 'db.pool.max', '1', '--overlay', '')).toEqual(
      expect.arrayContaining(['base', 'prod']),
    )
    expect(await offered('set', 'db.pool.max', '1', '--overlay', 'p')).toEqual(
      expect.arrayContaining(['prod']),
    )
    expect(await offered('export', '--layer', '')).toEqual(
      expect.arrayContaining(['/config/checkout/base', '/config/checkout/prod']),
    )
  })

  test('a Node that is too old is told which one is needed', async () => {
    const old = "Object.defineProperty(process.versions, 'node', { value: '20.11.1' })"
    const loader = `--import=data:text/javascript,${encodeURIComponent(old)}`
    const run = await workplace(CONFIG).spawn(['tree'], { env: { NODE_OPTIONS: loader } })
    expect(run).toMatchObject({ exitCode: 64, stdout: '' })
    expect(run.stderr).toBe('error: livetree needs Node 22.19 or later, and this is 20.11.1\n')
  })
})
