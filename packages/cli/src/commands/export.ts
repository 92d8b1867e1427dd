import type { TransferFormat } from '@livetree/admin'
import type { Outcome } from '../command-line/runner.ts'
import { openTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import { chosenLayer, type LayerOptions } from './choose-layer.ts'
import type { ReadingOptions } from './read-tree.ts'

/** `livetree export [--format …]`: `-o json` and `-o yaml` name the form too. */
export async function exportTree(
  session: Session,
  _: readonly unknown[],
  options: LayerOptions &
    ReadingOptions & {
      readonly format?: TransferFormat | undefined
      readonly variablePrefix?: string | undefined
    },
): Promise<Outcome> {
  const { output } = session.options
  const { format, variablePrefix, revision, reveal = false } = options
  if (format !== undefined && output !== 'table' && output !== format)
    throw usageError(`--format ${format} and --output ${output} name two forms`, 'Give one of them.')
  if (output === 'ndjson')
    throw usageError('A tree is one document: there is no export as ndjson', 'See `livetree tree -o ndjson`.')
  const form = format ?? (output === 'table' ? 'yaml' : output)
  const opened = await openTree(session)
  const {
    text,
    omitted,
    unreadable,
    revision: read,
  } = await opened.admin.export({
    ...session.call,
    ...chosenLayer(opened, options, false),
    format: form,
    reveal,
    ...(revision !== undefined && { revision }),
    ...(variablePrefix !== undefined && { variablePrefix }),
  })
  if (omitted.length > 0)
    session.warn(`Left out, since it may be secret: ${omitted.join(', ')}. --reveal includes it.`)
  if (unreadable.length > 0) session.warn(`Left out, since it is no text: ${unreadable.join(', ')}.`)
  session.noteAtEnd(`Revision ${read}.`)
  // The text as it is: reading it would round large numbers.
  return { result: { data: undefined, text: () => text, isExact: true, isFormatted: true } }
}
