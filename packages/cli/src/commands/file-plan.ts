import { extname } from 'node:path'
import type { Plan, TransferFormat } from '@livetree/admin'
import type { OpenedTree } from '../connect/open-tree.ts'
import { usageError } from '../errors/cli-error.ts'
import type { Session } from '../session.ts'
import type { WritingOptions } from './carry-out.ts'
import { chosenLayer } from './choose-layer.ts'
import { readInput } from './read-input.ts'

/** Options of commands that take what a layer shall hold from a file. */
export interface TransferOptions extends WritingOptions {
  readonly format?: string | undefined
  readonly prune?: boolean | undefined
  readonly variablePrefix?: string | undefined
  /** From 1 on. */
  readonly document?: number | undefined
}

const FORMATS: readonly string[] = ['yaml', 'json', 'dotenv', 'etcdctl']

/**
 * Plans what a file holds as a change of one layer.
 *
 * @throws CliError 64 for a file that cannot be read; AdminError as `Admin.import`
 */
export async function planFile(
  session: Session,
  opened: OpenedTree,
  file: string,
  options: TransferOptions,
): Promise<Plan> {
  if (options.ifRevision !== undefined)
    throw usageError(
      '--if-revision is for set and unset',
      'A saved plan pins the revision of each key: livetree plan --out.',
    )
  const format = formatOf(file, options.format)
  const text = await readInput(session, file)
  const { prune = false, variablePrefix, document } = options
  return opened.admin.import(text, {
    ...chosenLayer(opened, options),
    ...session.call,
    format,
    prune,
    ...(variablePrefix !== undefined && { variablePrefix }),
    ...(document !== undefined && { document }),
  })
}

function formatOf(file: string, given: string | undefined): TransferFormat {
  if (given !== undefined && !FORMATS.includes(given))
    throw usageError(`--format ${given}: there is no such format`, `There are: ${FORMATS.join(', ')}.`)
  if (given !== undefined) return given as TransferFormat
  const extension = extname(file)
  if (extension === '.env' || /(^|\/)\.env(\.|$)/.test(file)) return 'dotenv'
  return extension === '.json' ? 'json' : 'yaml'
}
