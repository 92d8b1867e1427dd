import { isEnvelope, keyIdOf, plainValue } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { CliError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { knownPath } from './known-path.ts'
import { counted } from '../output/words.ts'
import { type LeafRow, leafRows, partAt } from './leaf-rows.ts'
import { type ReadingOptions, readTree } from './read-tree.ts'

/** `livetree get PATH`: a scalar as it is, everything else as YAML. */
export async function get(
  session: Session,
  [place]: readonly [place: string],
  options: ReadingOptions,
): Promise<Outcome> {
  const { opened, tree } = await readTree(session, options)
  const path = knownPath(opened.definition, place)
  const isRevealed = options.reveal === true
  let value: unknown
  if (tree.isValid) value = plainValue(partAt(isRevealed ? tree.value : tree.redacted(), path), isRevealed)
  else {
    const rows = leafRows(tree, path, isRevealed)
    if (isRevealed) assertOpened(rows)
    const [only] = rows
    if (rows.length === 1 && only?.path === place) value = only.value
    else if (rows.length > 0) value = Object.fromEntries(rows.map((row) => [row.path, row.value]))
  }
  if (value === undefined)
    throw new CliError(3, `There is nothing at "${place}" in revision ${tree.revision}`, {
      code: 'not_found',
      remedy: '`livetree tree` shows what there is.',
    })
  const text = await textOf(value)
  return { result: { data: value, text: () => text, isExact: true } }
}

/** Who asks for a secret gets it, or an error, and never its envelope. @throws CliError 5 */
function assertOpened(rows: readonly LeafRow[]): void {
  const closed = rows.flatMap(({ path, value }) => envelopesIn(value).map((envelope) => ({ path, envelope })))
  if (closed.length === 0) return
  throw new CliError(5, `${counted(closed.length, 'value')} cannot be opened with the keys at hand`, {
    code: 'keys_unavailable',
    lines: closed.slice(0, 20).map(({ path, envelope }) => {
      const id = keyIdOf(envelope)
      return `${path}: ${id === undefined ? 'a damaged envelope' : `key "${id}"`}`
    }),
    remedy: 'Give the keys that they name with --keys FILE.',
  })
}

/** The envelopes in the text of a key, which may be a document. */
function envelopesIn(value: unknown): readonly string[] {
  if (isEnvelope(value)) return [value]
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(envelopesIn)
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return []
  try {
    return envelopesIn(JSON.parse(value))
  } catch {
    return []
  }
}

/** A scalar needs no YAML, which takes its time to load. */
async function textOf(value: unknown): Promise<string> {
  if (typeof value !== 'object' || value === null) return `${String(value)}\n`
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0 })
}
