import { describeUnused } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { CliError } from '../errors/cli-error.ts'
import { inlineText } from '../output/inline-text.ts'
import { shownText } from '../output/safe-text.ts'
import { tableText } from '../output/table.ts'
import { meantHint } from '../output/words.ts'
import type { Session } from '../session.ts'
import { knownPath } from './known-path.ts'
import { leafRows } from './leaf-rows.ts'
import { type ReadingOptions, readTree } from './read-tree.ts'

/** `livetree tree [PATH]` */
export async function tree(
  session: Session,
  [place = '']: readonly [place?: string],
  options: ReadingOptions,
): Promise<Outcome> {
  const { opened, tree: read } = await readTree(session, options)
  const path = knownPath(opened.definition, place)
  const rows = leafRows(read, path, options.reveal === true)
  if (rows.length === 0 && place !== '')
    throw new CliError(3, `There is nothing at "${place}" in revision ${read.revision}`, {
      code: 'not_found',
    })
  for (const key of read.unused.slice(0, 20))
    session.warn(`The schema has no place for the key ${describeUnused(key)}.${meantHint(key.didYouMean)}`)
  session.noteAtEnd(`Revision ${read.revision}.`)
  const columns = [{ title: 'path', most: 60 }, { title: 'value' }, { title: 'from' }, { title: 'revision' }]
  const text = () =>
    tableText(
      columns,
      rows.map(({ path: at, value, layer, revision }) => [
        at,
        shownText(inlineText(value)),
        layer.replace(session.io.cwd, '.'),
        revision === null ? '' : String(revision),
      ]),
      (line) => session.style('strong', line),
    )
  return { result: { data: rows, text } }
}
