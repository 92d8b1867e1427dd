import type { AdminTree } from '@livetree/admin'
import type { Path } from '@livetree/core'
import { isAlong, leavesOf, pathText, plainValue } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { CliError } from '../errors/cli-error.ts'
import { inlineText } from '../output/inline-text.ts'
import { safeText, shortKey, shownText } from '../output/safe-text.ts'
import { tableText } from '../output/table.ts'
import type { Session } from '../session.ts'
import { knownPath } from './known-path.ts'
import { partAt } from './leaf-rows.ts'
import { type ReadingOptions, readTree } from './read-tree.ts'

/** `livetree explain PATH`: the value, what the schema takes, and every layer that has a say, the highest first. */
export async function explain(
  session: Session,
  [place]: readonly [place: string],
  options: ReadingOptions,
): Promise<Outcome> {
  const { opened, tree } = await readTree(session, options)
  const path = knownPath(opened.definition, place)
  const found = tree.explain(path)
  const isRevealed = options.reveal === true
  const texts = new Map(isRevealed ? tree.entries({ reveal: true }).map(({ key, text }) => [key, text]) : [])
  const value = isRevealed && tree.isValid ? partAt(tree.value, path) : found.value
  if (value === undefined && found.layers.length === 0 && opened.definition === undefined)
    throw new CliError(3, `There is nothing at "${place}" in revision ${tree.revision}`, {
      code: 'not_found',
    })
  const leaf = opened.definition && leavesOf(opened.definition).find((each) => isSamePlace(each.path, path))
  const layers = found.layers.map(({ origin, value: held, encryptedWith = null }) => ({
    layer: origin.source === 'schema' ? 'default' : origin.layer,
    value: texts.get(origin.key) ?? plainValue(held, isRevealed) ?? null,
    key: origin.source === 'schema' ? null : origin.key,
    revision: origin.revision === 0 ? null : origin.revision,
    encryptedWith,
  }))
  const data = {
    path: pathText(path),
    value: plainValue(value, isRevealed) ?? null,
    takes: leaf?.type ?? null,
    description: leaf?.description ?? null,
    isSecret: leaf?.isSecret ?? false,
    revision: tree.revision,
    layers,
  }
  const nothing = isClosed(tree, path) ? '[secret], which no key at hand opens' : 'nothing'
  const text = () => {
    const shown =
      value === undefined ? session.style('dim', nothing) : shownText(inlineText(data.value), 2_000)
    const about = [
      ...(leaf === undefined ? [] : [`takes ${leaf.type}${leaf.isSecret ? ', secret' : ''}`]),
      ...(leaf?.description === undefined ? [] : [leaf.description]),
    ]
    const head = `${session.style('strong', safeText(data.path || '(the whole tree)'))} = ${shown}\n${about.map((line) => `${safeText(line)}\n`).join('')}`
    const rows = layers.map(({ layer, value: held, key, revision, encryptedWith }) => [
      layer,
      `${shownText(inlineText(held))}${encryptedWith === null ? '' : ` (encrypted, key ${encryptedWith})`}`,
      revision === null ? '' : String(revision),
      key === null ? '' : shortKey(key),
    ])
    const columns = [{ title: 'layer' }, { title: 'holds' }, { title: 'revision' }, { title: 'key' }]
    return `${head}${rows.length === 0 ? '' : `\n${tableText(columns, rows, (line) => session.style('dim', line))}`}`
  }
  return { result: { data, text } }
}

/** Whether an envelope at or in a place does not open. */
function isClosed({ issues }: AdminTree<unknown>, place: Path): boolean {
  return issues.some(
    ({ code, path }) => (code === 'key_missing' || code === 'envelope_damaged') && isAlong(path, place),
  )
}

function isSamePlace(place: readonly (string | number)[], path: readonly (string | number)[]): boolean {
  return (
    place.length === path.length &&
    place.every((name, index) => name === '<key>' || name === String(path[index]))
  )
}
