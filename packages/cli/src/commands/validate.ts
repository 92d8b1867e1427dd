import { statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { absolutePath } from '@livetree/core/source'
import { file as fileSource } from 'livetree'
import { storeOf } from 'livetree/operate'
import { KeySet, describeUnused, readOnce, validateTree } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { sourcesOf } from '../config-file/sources-of.ts'
import { chosenDefinition, keyringOf } from '../connect/open-tree.ts'
import type { Definition } from '../config-file/load-definitions.ts'
import { CliError, usageError } from '../errors/cli-error.ts'
import { issueLines } from '../errors/issue-lines.ts'
import type { Session } from '../session.ts'
import { counted, meantHint } from '../output/words.ts'
import { readInput } from './read-input.ts'

/**
 * `livetree validate FILE…`: the files replace the store among the sources of the definition: they override the sources
 * before it, and are overridden by those after it.
 */
export async function validate(
  session: Session,
  [files]: readonly [files: readonly string[]],
): Promise<Outcome> {
  const definition = await chosenDefinition(session)
  if (definition === undefined)
    throw usageError(
      'validate judges by the schema of this code, and there is no livetree.config.ts here or above',
      'Name one with --config.',
    )
  const given = await Promise.all(files.map((name) => pathOf(session, name)))
  const own = given.map((path) => fileSource(path))
  const others = sourcesOf(definition)
  const at = others.findIndex((source) => storeOf(source) !== undefined)
  const sources = at < 0 ? [...others, ...own] : others.toSpliced(at, 1, ...own)
  const readings = await Promise.all(sources.map((source) => readOnce(source, session.call)))
  const tree = validateTree(definition, readings, await keysFor(session, definition))
  const names = files.map((name) => (name === '-' ? 'stdin' : name)).join(', ')
  if (tree.type === 'invalid')
    throw new CliError(5, `The schema of "${definition.name}" refuses ${names}`, {
      code: 'invalid_tree',
      lines: issueLines(tree.issues),
      remedy: 'Correct these paths.',
    })
  for (const key of tree.unused.slice(0, 20))
    session.warn(
      `The schema has no place for the key ${describeUnused(key)} in ${key.origin.layer}.${meantHint(key.didYouMean)}`,
    )
  const data = { name: definition.name, isValid: true, files, unused: tree.unused.length }
  session.noteAtEnd(
    `The schema of "${definition.name}" accepts ${names}${tree.unused.length === 0 ? '' : `, with ${counted(tree.unused.length, 'unknown name')}`}.`,
  )
  return { result: { data, text: () => '' } }
}

/** What envelopes in the files are opened with; where the keys cannot be read, nothing. Plain text is what an import encrypts. */
async function keysFor(session: Session, definition: Definition): Promise<{ readonly keys?: KeySet }> {
  const keyring = keyringOf(session) ?? definition.keys?.()
  if (keyring === undefined) return {}
  const { keys = [] } = await keyring.read(session.call.signal).catch(() => ({ keys: [] }))
  return keys.length === 0 ? {} : { keys: new KeySet({ keys, plaintext: 'accept' }) }
}

/**
 * The path of a file that `file()` reads. What can be read only once, such as stdin, `/dev/stdin` and the pipe of `<(…)`, becomes
 * one for as long as the command runs.
 */
async function pathOf(session: Session, name: string): Promise<string> {
  // Read here too, so that a file that is missing is named as it was given.
  const text = await readInput(session, name)
  const given = absolutePath(name, session.io.cwd)
  if (name !== '-' && statSync(given).isFile()) return given
  const folder = await mkdtemp(join(tmpdir(), 'livetree-stdin-'))
  session.closing(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, `stdin${extname(given) || '.yaml'}`)
  await writeFile(path, text, { mode: 0o600 })
  return path
}
