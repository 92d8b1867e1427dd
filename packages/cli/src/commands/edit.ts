import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Path } from '@livetree/core'
import { isWithin, parsePathText, pathOfKey } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { openTree, type OpenedTree } from '../connect/open-tree.ts'
import { CliError, usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { carryOut, refuseFleetOptions, type WritingOptions } from './carry-out.ts'
import { chosenLayer } from './choose-layer.ts'

/** `livetree edit [PATH]`: what one layer holds, in an editor; what was changed there is a plan. */
export async function edit(
  session: Session,
  [place = '']: readonly [place?: string],
  options: WritingOptions,
): Promise<Outcome> {
  refuseFleetOptions(options)
  if (!session.canAsk)
    throw usageError('edit needs a terminal', 'Use `livetree set`, or `livetree apply -f FILE`.')
  const opened = await openTree(session)
  const layer = chosenLayer(opened, options)
  const { text, omitted, revision } = await opened.admin.export({
    ...layer,
    ...session.call,
    format: 'yaml',
  })
  const top = parsePathText(place)
  if (omitted.length > 0) session.note(`Not shown, and kept, since it may be secret: ${omitted.join(', ')}`)
  const edited = await inEditor(session, text)
  const [before, after] = [scalarsOf(opened, parse(text)), scalarsOf(opened, parsedEdit(edited))]
  const isMeant = ({ path }: Scalar) => isWithin(path, top)
  const set = [...after].filter(([name, scalar]) => isMeant(scalar) && before.get(name)?.text !== scalar.text)
  const unset = [...before].filter(([name, scalar]) => isMeant(scalar) && !after.has(name))
  let change = opened.admin.change({ ...layer, ifRevision: revision })
  for (const [, { path }] of unset) change = change.unset(path)
  for (const [, { path, text: value }] of set) change = change.setText(path as never, value)
  const plan = await change.plan(session.call)
  return carryOut(session, plan, options, { asks: true })
}

async function inEditor(session: Session, text: string): Promise<string> {
  const { env } = session.io
  const editor =
    [env['VISUAL'], env['EDITOR'], 'vi'].find((each) => each !== undefined && each !== '') ?? 'vi'
  const folder = await mkdtemp(join(tmpdir(), 'livetree-edit-'))
  session.closing(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'layer.yaml')
  await writeFile(file, text, { mode: 0o600 })
  session.deadline.pause()
  const code = await new Promise<number | null>((resolve, reject) => {
    // As git does it: the editor may be a command with arguments.
    const child = spawn('sh', ['-c', `${editor} "$1"`, editor, file], { stdio: ['inherit', 2, 2] })
    child.on('error', reject)
    child.on('close', resolve)
  })
  session.deadline.resume()
  if (code !== 0)
    throw new CliError(1, `The editor ended with ${code ?? 'a signal'}, and nothing was written`, {
      code: 'editor',
      remedy: 'Set EDITOR.',
    })
  return readFile(file, 'utf8')
}

function parsedEdit(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    throw usageError(`What you wrote is no YAML: ${(error as Error).message}`, 'Nothing was written.')
  }
}

interface Scalar {
  readonly path: Path
  /** What `setText` takes. */
  readonly text: string
}

const STORED = { name: 'stored', keyPrefix: '', separator: '/', naming: 'stored' } as const

/** The scalars and lists of a text, by their places. */
function scalarsOf({ definition }: OpenedTree, tree: unknown): ReadonlyMap<string, Scalar> {
  const found = new Map<string, Scalar>()
  const visit = (part: unknown, names: readonly string[]) => {
    if (typeof part === 'object' && part !== null && !Array.isArray(part) && Object.keys(part).length > 0) {
      for (const [name, inner] of Object.entries(part)) visit(inner, [...names, name])
      return
    }
    if (names.length === 0) return
    const key = names.map((name) => name.replaceAll('%', '%25').replaceAll('/', '%2F')).join('/')
    const path = definition === undefined ? names : (pathOfKey(definition, key, STORED) ?? names)
    const text = typeof part === 'string' ? part : JSON.stringify(part)
    found.set(JSON.stringify(names), { path, text })
  }
  visit(tree, [])
  return found
}
