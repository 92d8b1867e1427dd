import { plainValue } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { CliError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { knownPath } from './known-path.ts'
import { leafRows, partAt } from './leaf-rows.ts'
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

/** A scalar needs no YAML, which takes its time to load. */
async function textOf(value: unknown): Promise<string> {
  if (typeof value !== 'object' || value === null) return `${String(value)}\n`
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0 })
}
