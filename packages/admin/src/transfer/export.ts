import type { Path } from '@livetree/core'
import { checkOptions, optionKinds, type OptionTable, shownKey } from '@livetree/core/source'
import { isTextOpenAt, keyOfPath, kindAt, pathText, placesOfKey } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { isEmptyObject } from '../change/json-document.ts'
import { isEncryptedText } from '../secrets/encrypted-with.ts'
import { layerMarks, type PlainMark, wholeMarks } from '../secrets/plain-places.ts'
import { AdminError } from '../errors.ts'
import { placeOf } from '../tree/key-place.ts'
import { chosenPrefix, type LayerChoice, namesLayer } from '../tree/target-layer.ts'
import { prefixOf, readState, type TreeState } from '../tree/tree-state.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { dotenvLine, variableLayer } from './dotenv.ts'
import { etcdctlText } from './etcdctl.ts'
import { TRANSFER_FORMATS, type TransferFormat } from './formats.ts'
import { isNoLeaf, layerTexts, mountNames } from './layer-texts.ts'
import { objectsRead } from './objects-read.ts'
import { nestedTree, type PlacedText } from './nested-tree.ts'
import type { PlainTree } from './plain-tree.ts'
import { jsonText, yamlText } from './tree-text.ts'
import { CALL_TABLE, LAYER_TABLE, revisionKind } from '../option-tables.ts'
import { asStored, opener, wholeTexts } from './whole-texts.ts'

/** Options of `Admin.export`. */
export interface ExportOptions extends CallOptions, LayerChoice {
  /** Default `yaml`. */
  readonly format?: TransferFormat | undefined
  /** The tree as it was at this revision. Default: the newest. */
  readonly revision?: number | undefined
  /** Include what may be secret. Default false: it is left out, and `omitted` names it. */
  readonly reveal?: boolean | undefined
  /** With `dotenv`: what the names begin with, such as `CHECKOUT_`. Default: nothing. */
  readonly variablePrefix?: string | undefined
}

/** A tree as text. */
export interface Exported {
  readonly text: string
  /** The paths of what was left out since it may be secret. */
  readonly omitted: readonly string[]
  /** The keys that were left out since they, or their values, are not UTF-8 text, or since a name in them is none; for people. */
  readonly unreadable: readonly string[]
  /**
   * What of the text the store has in plain text where the schema asks for an envelope: the names that lead to it from the top of the
   * text, whatever place the layer is mounted at, and on into JSON that stands in it as text. As a part of a side of `promote` it says what
   * stays plain text. Where names of a whole configuration are others than in the store, that is the list or the map.
   */
  readonly plaintext: readonly Path[]
  /** The revision that was read. */
  readonly revision: number
}

const OPTION_TABLE: OptionTable = {
  ...CALL_TABLE,
  ...LAYER_TABLE,
  format: optionKinds.oneOf(...TRANSFER_FORMATS),
  revision: revisionKind,
  reveal: optionKinds.flag,
  variablePrefix: { expected: 'text', test: (prefix) => typeof prefix === 'string' },
}

/** The whole configuration as text, or what one layer holds; see `Admin.export`. */
export async function exportTree(workspace: Workspace, options: ExportOptions): Promise<Exported> {
  translatedNow(() => checkOptions('export()', options, OPTION_TABLE))
  const state = await readState(workspace, workspace.limit(options), options.revision)
  const { definition } = workspace.settings
  // those of a layer are encrypted as they are stored, unless they are asked for
  const opens = options.reveal === true && options.format !== 'etcdctl'
  const all = namesLayer(options)
    ? layerTexts(workspace, state, options, opens ? opener(workspace, state) : asStored)
    : wholeTexts(workspace, state)
  if (options.format !== 'etcdctl') assertOneForm(workspace, all)
  const isShown = ({ path, key, text }: PlacedText) => {
    // What stands at several places is shown if it is open at each of them.
    const paths = namesLayer(options) ? placeOf(workspace, key).paths : [path]
    const isOpen = workspace.settings.isUntyped || paths.every((each) => isTextOpenAt(definition, each))
    return options.reveal === true || isOpen || isEncryptedText(definition, paths, text)
  }
  const shown: PlacedText[] = []
  const omitted: PlacedText[] = []
  for (const each of all) (isShown(each) ? shown : omitted).push(each)
  const unreadable = unreadableKeys(workspace, state, options, all)
  return {
    text: writeTexts(workspace, state, { texts: shown, omitted }, options),
    omitted: omitted.map(({ path }) => pathText(path)),
    unreadable,
    plaintext: marksOf(workspace, state, shown, options),
    revision: state.reading.revision,
  }
}

function marksOf(
  workspace: Workspace,
  state: TreeState,
  texts: readonly PlacedText[],
  choice: LayerChoice,
): readonly PlainMark[] {
  const prefix = chosenPrefix(workspace.settings.store.layers, choice)
  if (prefix === undefined) return wholeMarks(workspace, state, texts)
  return layerMarks(workspace, state, { texts, above: mountNames(workspace, prefix).length })
}

/** The keys of the layers that `layerTexts` has no text or no place for. A whole configuration with a schema is valid, and has none. */
function unreadableKeys(
  workspace: Workspace,
  state: TreeState,
  choice: LayerChoice,
  texts: readonly PlacedText[],
): readonly string[] {
  const { definition, store, isUntyped } = workspace.settings
  const prefix = chosenPrefix(store.layers, choice)
  if (prefix === undefined && !isUntyped) return []
  const layers = store.layers.filter((layer) => prefix === undefined || prefixOf(layer) === prefix)
  const written = new Set(texts.map(({ key }) => key))
  const isLeftOut = ({ key, value }: StoreEntry) =>
    typeof value !== 'string' || (!written.has(key) && placesOfKey(definition, key, layers).length === 0)
  const isInside = ({ key }: StoreEntry) =>
    layers.some(
      (layer) =>
        key.startsWith(layer.keyPrefix) || (key === prefixOf(layer) && store.documentKeys.includes(key)),
    )
  return [...state.reading.entries.values()]
    .filter((entry) => isInside(entry) && !isNoLeaf(store, entry) && isLeftOut(entry))
    .map(({ key }) => shownKey(key))
}

/**
 * A key with a text or a document, and keys below it: a file holds one of them, and an import would write one of them.
 *
 * @throws AdminError `unwritable_value`
 */
function assertOneForm({ settings }: Workspace, texts: readonly PlacedText[]): void {
  const { definition, isUntyped } = settings
  const held = new Map(texts.map((each) => [each.key, each]))
  // Where the schema has a text, `{}` is that text.
  const isMark = ({ path, text }: PlacedText) =>
    isEmptyObject(text) && (isUntyped || kindAt(definition, path) !== 'scalar')
  const directories = new Set<string>()
  for (const { key } of texts)
    for (let slash = key.lastIndexOf('/'); slash > 0; slash = key.lastIndexOf('/', slash - 1)) {
      const directory = key.slice(0, slash)
      if (directories.has(directory)) break
      directories.add(directory)
      const above = held.get(directory)
      if (above === undefined || isMark(above)) continue
      throw new AdminError('unwritable_value', {
        what: `The key ${directory} holds a value, and so does ${key} below it: a file can hold only one of them`,
        remedy: 'Remove the key that is not meant, or export the layer with the format etcdctl.',
      })
    }
}

/** @throws AdminError `unwritable_value` for a document with a name that no import takes */
function assertNamed(tree: PlainTree, names: readonly string[]): void {
  if (tree.type !== 'object') return
  for (const [name, part] of tree.parts) {
    const isOwn = name === '.livetree'
    if (name === '__proto__' || isOwn)
      throw new AdminError('unwritable_value', {
        what: `A document holds the name ${pathText([...names, name])}, ${isOwn ? "which a store keeps for livetree's own keys" : 'which no configuration has'}`,
        remedy: 'Remove it there, or export the layer with the format etcdctl.',
      })
    assertNamed(part, [...names, name])
  }
}

function writeTexts(
  workspace: Workspace,
  state: TreeState,
  { texts, omitted }: Readonly<Record<'texts' | 'omitted', readonly PlacedText[]>>,
  options: ExportOptions,
): string {
  const { format = 'yaml', variablePrefix = '' } = options
  if (format === 'etcdctl') {
    if (!namesLayer(options))
      throw new AdminError('invalid_options', {
        what: 'export() writes keys for etcdctl of one layer, and none is given',
        remedy: 'Give overlay or layer.',
      })
    return etcdctlText(texts)
  }
  if (format === 'dotenv') {
    const layer = variableLayer(variablePrefix)
    const { definition } = workspace.settings
    const lines = texts.map(({ path, text }) =>
      dotenvLine(
        translatedNow(() => keyOfPath(definition, path, layer)),
        text,
      ),
    )
    return lines.map((line) => `${line}\n`).join('')
  }
  const prefix = chosenPrefix(workspace.settings.store.layers, options)
  const above = prefix === undefined ? 0 : mountNames(workspace, prefix).length
  const below = (all: readonly PlacedText[]) =>
    above === 0 ? all : all.map((each) => ({ ...each, names: each.names.slice(above) }))
  const nested = nestedTree(workspace, below(texts), {
    beside: below(omitted),
    isObjectRead: objectsRead(workspace, state),
  })
  if (nested.type !== 'object' && above === 0)
    throw new AdminError('unwritable_value', {
      what: `The layer ${prefix ?? ''} holds a ${nested.type === 'list' ? 'list' : 'text'} in its own key, and a file begins with an object of names`,
      remedy: 'Remove that key, or export the layer with the format etcdctl.',
    })
  assertNamed(nested, [])
  return format === 'json' ? jsonText(nested) : yamlText(nested)
}
