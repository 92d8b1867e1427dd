import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { guardChild } from '../../support/child-guard.ts'
import { CONFIG } from './support/checkout-config.ts'
import { BIN, makeWorkplace, type Workplace } from './support/livetree-process.ts'

const CLEAR = '\u0015'
let place: Workplace
beforeAll(async () => {
  place = makeWorkplace(CONFIG)
  mkdirSync(join(place.folder, 'bin'))
  symlinkSync(BIN, join(place.folder, 'bin/livetree'))
  const { stdout } = await place.run(['completion', 'bash'])
  place.write('rc', `${stdout}\nPS1='ready> '\nbind 'set bell-style none'\nbind 'set page-completions off'\n`)
})
afterAll(() => place.remove())

/** Types into an interactive bash, once it is ready, and returns what the terminal shows. */
async function typed(...lines: readonly string[]): Promise<string> {
  const path = `${join(place.folder, 'bin')}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
  const child = spawn('script', ['-qefc', 'bash --noprofile --rcfile rc -i', '/dev/null'], {
    cwd: place.folder,
    env: { ...process.env, PATH: path, TERM: 'dumb', STORE: 'http://127.0.0.1:1' },
  })
  const stopGuard = guardChild(child.pid ?? 0)
  let text = ''
  let isTyped = false
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (isTyped || !text.includes('ready> ')) return
    isTyped = true
    child.stdin.write([...lines, 'exit\n'].join(CLEAR))
  })
  await once(child, 'close')
  stopGuard()
  return text.slice(text.indexOf('ready> '))
}

test('bash runs nothing of what is typed before a word that is completed', async () => {
  place.write('precious', 'precious')
  const shown = await typed(
    'livetree set features $(touch ran-1) --ov\t',
    'livetree set features `touch ran-2` --ov\t',
    'livetree set features "$(touch ran-3)" --ov\t',
    'livetree export > precious --rev\t',
    'livetree export --form\t',
    "livetree get 'a; touch ran-4' -o js\t",
  )
  expect(shown.match(/--overlay/g)?.length, shown).toBeGreaterThanOrEqual(2)
  expect(shown).toContain('--format')
  for (const number of [1, 2, 3, 4]) expect(existsSync(join(place.folder, `ran-${number}`))).toBe(false)
  expect(readFileSync(join(place.folder, 'precious'), 'utf8')).toBe('precious')
})

test('bash completes commands, paths, options, their values, and files', async () => {
  const shown = await typed(
    'livetree expl\t',
    'livetree get db.pool.\t',
    'livetree tree --output=nd\t',
    'livetree tree -o ya\t',
    'livetree completion pow\t',
    'livetree import prec\t',
    'livetree export > prec\t',
  )
  for (const text of ['explain ', 'db.pool', 'db.pool.max', '--output=ndjson', '-o yaml', 'powershell'])
    expect(shown).toContain(text)
  expect(shown).toContain('import precious')
  expect(shown).toContain('> precious')
})

test.each(['bash', 'zsh', 'powershell', 'fish'])(
  'the script for %s reads nothing typed as commands',
  async (shell) => {
    const { stdout } = await place.run(['completion', shell])
    expect(stdout).toContain('livetree complete')
    expect(stdout).not.toMatch(/^\s*[^#\n]*\b(eval|Invoke-Expression|iex)\b/m)
  },
)

test('a configuration file that is never done does not keep a completion waiting', async () => {
  place.write('slow.config.ts', 'await new Promise(() => setInterval(() => {}, 1_000))\n')
  const run = await place.spawn(['complete', '--', 'get', '--config', 'slow.config.ts', ''])
  expect(run).toMatchObject({ exitCode: 0 })
})
