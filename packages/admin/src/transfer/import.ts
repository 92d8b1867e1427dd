import type { Path } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable } from '@livetree/core/source'
import { pathOfKey } from '@livetree/core/tools'
import type { Step } from '../change/draft.ts'
import { type Plan, planDraft } from '../change/plan.ts'
import { AdminError } from '../errors.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { parseDotenv, variableLayer } from './dotenv.ts'
import { parseEtcdctl } from './etcdctl.ts'
import { assertLength, TRANSFER_FORMATS, type TransferFormat, unreadable } from './formats.ts'
import { CALL_TABLE, LAYER_TABLE } from '../option-tables.ts'
import { documentKind, documentOf, holdsNothing } from './parse-yaml.ts'

/** Options of `Admin.import`. */
export interface ImportOptions extends CallOptions, LayerChoice {
  /** Default `yaml`, which JSON is too. */
  readonly format?: TransferFormat | undefined
  /** Remove what the layer has and the text has not: keys, and names inside the documents that the text edits. Default false. */
  readonly prune?: boolean | undefined
  /** Which of several YAML documents, from 1 on. Default: the only one. */
  readonly document?: number | undefined
  /** With `dotenv`: what the names begin with, such as `CHECKOUT_`; others are left out. Default: nothing. */
  readonly variablePrefix?: string | undefined
}

const OPTION_TABLE: OptionTable = {
  ...CALL_TABLE,
  ...LAYER_TABLE,
  format: optionKinds.oneOf(...TRANSFER_FORMATS),
  prune: optionKinds.flag,
  document: documentKind,
  variablePrefix: { expected: 'text', test: (prefix) => typeof prefix === 'string' },
}

/** Plans what a text holds as a change of one layer; see `Admin.import`. */
export async function planImport(workspace: Workspace, text: string, options: ImportOptions): Promise<Plan> {
  translatedNow(() => checkOptions('import()', options, OPTION_TABLE))
  if (typeof text !== 'string')
    throw new AdminError('invalid_options', { what: 'import() needs a text', remedy: '' })
  assertLength(text)
  assertOfFormat(options)
  const { format = 'yaml', prune = false } = options
  const prefix = choosePrefix(workspace.settings.store.layers, options)
  const steps =
    format === 'etcdctl' ? keySteps(workspace, text, prefix) : treeSteps(workspace, text, prefix, options)
  const plan = await planDraft(
    workspace,
    { kind: 'import', steps, ...(prune && { prunes: prefix }) },
    options,
  )
  // A text of keys, or a prefix of variables, that gives nothing is rather a mistake than meant to empty the layer.
  if (steps.length === 0 && plan.removes.length > 0)
    throw unreadable(HOLDS_NOTHING, 'To empty the layer, import {} as YAML.')
  return plan
}

/** @throws AdminError `invalid_options` for an option that the format has no use for */
function assertOfFormat({ format = 'yaml', document, variablePrefix }: ImportOptions): void {
  const isTree = format === 'yaml' || format === 'json'
  const foreign =
    document !== undefined && !isTree
      ? 'document'
      : variablePrefix !== undefined && format !== 'dotenv'
        ? 'variablePrefix'
        : undefined
  if (foreign !== undefined)
    throw new AdminError('invalid_options', {
      what: `import() got \`${foreign}\`, which the format ${format} has no use for`,
      remedy:
        foreign === 'document' ? 'Only YAML texts have several documents.' : 'It is of the format dotenv.',
    })
}

const HOLDS_NOTHING = 'it holds nothing, and what a text has not is removed'

function treeSteps(
  workspace: Workspace,
  text: string,
  prefix: string,
  options: ImportOptions,
): readonly Step[] {
  const { format = 'yaml', variablePrefix = '' } = options
  if (format === 'dotenv') return variableSteps(workspace, text, prefix, variablePrefix)
  const path = mountOf(workspace, prefix)
  const tree = documentOf(text, options.document)
  if (options.prune === true && holdsNothing(text))
    throw unreadable(HOLDS_NOTHING, 'Write {} if that is meant.')
  if (tree.type !== 'object' && path.length === 0) throw unreadable('it holds no object of names at its top')
  return [{ type: 'tree', prefix, path, tree }]
}

/** A text for a layer that is mounted below the top holds what is below that place. */
function mountOf({ settings }: Workspace, prefix: string): Path {
  const layer = settings.store.layers.find(({ keyPrefix }) => keyPrefix === `${prefix}/`)
  return layer === undefined ? [] : (pathOfKey(settings.definition, layer.keyPrefix, layer) ?? [])
}

function variableSteps(workspace: Workspace, text: string, prefix: string, start: string): readonly Step[] {
  const { definition } = workspace.settings
  const layer = variableLayer(start)
  return parseDotenv(text).flatMap(([name, value]): Step[] => {
    if (!name.startsWith(start)) return []
    const path = translatedNow(() => pathOfKey(definition, name, layer))
    return path === undefined ? [] : [{ type: 'text', prefix, path, text: value, isOfKeys: true }]
  })
}

/** Keys of this layer as they are; a key of another place is refused, since nothing says where it belongs. */
function keySteps({ settings }: Workspace, text: string, prefix: string): readonly Step[] {
  return parseEtcdctl(text).map(({ key, text: value }) => {
    const isDocument = key === prefix && settings.store.documentKeys.includes(key)
    if (!(isDocument || key.startsWith(`${prefix}/`)) || settings.store.isReserved(key))
      throw unreadable(`the key ${key} does not belong to ${prefix}`)
    return { type: 'key', key, text: value }
  })
}
