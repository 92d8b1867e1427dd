import type { Origin, Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  isAlong,
  isWithin,
  keepsNamesAt,
  kindAt,
  pathInDocument,
  pathText,
  placesOfKey,
} from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { Judge } from '../tree/judge.ts'
import type { TreeState } from '../tree/tree-state.ts'
import { leafOf, type PlacedText } from '../transfer/nested-tree.ts'
import { parseJson } from '../transfer/parse-json.ts'
import { eachLeaf, type PlainTree, partsOf, type SideTree } from '../transfer/plain-tree.ts'
import type { Workspace } from '../workspace.ts'
import type { SecretPlace } from './secret-parts.ts'
import { TreeSecrets } from './tree-secrets.ts'

/**
 * The names that lead, in a text, to what its store has in plain text where the schema asks for an envelope: whoever can write the
 * store may have put it there. Who takes it over is not who says that it is to be encrypted. They lead on into JSON that stands in the text as text.
 */
export type PlainMark = readonly string[]

/**
 * The marks of what a text has of one layer, by its own names, wherever the layer is mounted.
 *
 * @param texts what the text has, as `layerTexts` returns it
 * @param above how many names of these the text does not have: those of the place where the layer is mounted
 */
export function layerMarks(
  workspace: Workspace,
  state: TreeState,
  { texts, above }: { readonly texts: readonly PlacedText[]; readonly above: number },
): readonly PlainMark[] {
  if (!workspace.settings.definition.compiled.hasEncrypted) return []
  const secrets = new TreeSecrets(workspace, state.keys)
  return texts.flatMap(({ path, names, key, text }): PlainMark[] => {
    const stored = state.reading.entries.get(key)?.value
    const plain = typeof stored === 'string' ? secrets.plainIn(key, stored) : []
    const leaf = plain.length === 0 ? undefined : leafOf(workspace, path, text)
    if (leaf === undefined) return []
    return plain.flatMap((part) => leavesAt(leaf, part.names)).map((each) => [...names.slice(above), ...each])
  })
}

/** The leaves at and below a part of a tree, if it has that; names that lead on into a scalar as they are. */
function leavesAt(tree: PlainTree, names: PlainMark): readonly PlainMark[] {
  let part: PlainTree = tree
  for (const name of names) {
    if (part.type === 'scalar') return [names]
    const below = partsOf(part).find(([each]) => each === name)?.[1]
    if (below === undefined) return []
    part = below
  }
  const found: PlainMark[] = []
  eachLeaf(part, names, (_, at) => found.push(at))
  return found
}

/**
 * The marks of the configuration as a whole, of which a place has the text of its highest layer. What has another name in the value
 * than in the store is marked by the list, record or map that it is in.
 *
 * @param texts what the text has, as `wholeTexts` returns it
 */
export function wholeMarks(
  workspace: Workspace,
  state: TreeState,
  texts: readonly PlacedText[],
): readonly PlainMark[] {
  const found = workspace.settings.definition.compiled.hasEncrypted ? plainTexts(workspace, state) : []
  if (found.length === 0) return []
  const judge = new Judge(workspace, state, { isGuarded: false })
  judge.judge(state.reading.entries)
  const marks = found.flatMap((plain): readonly PlainMark[] => {
    const container = renamedIn(workspace, plain)
    const isInEffect =
      container === undefined ? isEffective(judge, plain) : !isHidden(workspace, judge, plain, container)
    return isInEffect ? namesIn(workspace, texts, { path: container ?? plain.path, layer: plain.layer }) : []
  })
  return [...new Map(marks.map((mark) => [JSON.stringify(mark), mark])).values()]
}

/** The names that texts have for a place; none where the value has nothing there. */
function namesIn(
  workspace: Workspace,
  texts: readonly PlacedText[],
  { path, layer }: SecretPlace,
): readonly PlainMark[] {
  const along = texts.find((text) => isAlong(text.path, path))
  if (along === undefined) return []
  const names = along.names.slice(0, path.length)
  let part = leafOf(workspace, along.path, along.text)
  for (let depth = along.path.length; depth < path.length; depth++) {
    const inside: PlainTree | undefined = part && insideOf(part)
    const below = inside && partNamed(workspace, inside, { path: path.slice(0, depth + 1), layer })
    if (inside?.type === 'object' && below === undefined) return []
    if (below === undefined) break
    names.push(below[0])
    part = below[1]
  }
  return [names]
}

/** What stands at a place, and where it is from. */
interface PlainText extends SecretPlace {
  readonly key: string
  readonly text: string
  /** How many names of the path are those of the key. */
  readonly depth: number
}

function plainTexts(workspace: Workspace, { reading, keys }: TreeState): readonly PlainText[] {
  const { definition, store } = workspace.settings
  const secrets = new TreeSecrets(workspace, keys)
  const found: PlainText[] = []
  for (const { key, value: text } of reading.entries.values()) {
    const plain = typeof text === 'string' ? secrets.plainIn(key, text) : []
    if (typeof text !== 'string' || plain.length === 0) continue
    const own = placesOfKey(definition, key, store.layers).map(({ path }) => path)
    for (const place of plain.flatMap(({ places }) => places)) {
      const depth = own.find((path) => isWithin(place.path, path))?.length ?? place.path.length
      found.push({ ...place, key, text, depth })
    }
  }
  return found
}

/** Whether a place has its value from the key of a text, as that of the place, or of the document or the list that it is in. */
function isEffective(judge: Judge, { path, key }: PlainText): boolean {
  for (let length = path.length; length >= 0; length--) {
    const highest = highestAt(judge, path.slice(0, length))
    if (highest !== undefined) return highest.key === key
  }
  return true
}

/** Where the highest layer that has something at a path has it. */
function highestAt(judge: Judge, path: Path): Origin | undefined {
  const given = judge.explain(path).layers.find(({ origin }) => origin.source !== 'schema')
  return given?.origin
}

/** Whether a list is that of a higher layer: one layer supplies a list whole. */
function isHidden({ settings }: Workspace, judge: Judge, { layer }: PlainText, container: Path): boolean {
  if (kindAt(settings.definition, container) !== 'list') return false
  const highest = highestAt(judge, container)
  return highest !== undefined && highest.layer !== layer.name
}

/** The first list, record or map on the way whose parts have other names in the value than in the store. */
function renamedIn({ settings }: Workspace, { path, layer, text, depth }: PlainText): Path | undefined {
  const { definition } = settings
  let value: unknown
  for (const [at, name] of path.entries()) {
    const above = path.slice(0, at)
    if (at === depth) value = text
    if (typeof value === 'string') value = valueIn(value)
    if (!keepsNamesAt(definition, above, formOf(value))) return above
    const isNamed = ([written]: readonly [string, unknown]) =>
      pathInDocument(definition, { path: above, layer }, [written]).at(-1) === name
    value = typeof value === 'object' && value !== null ? Object.entries(value).find(isNamed)?.[1] : undefined
  }
  return undefined
}

function formOf(value: unknown): 'array' | 'object' | 'keys' {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'object' && value !== null ? 'object' : 'keys'
}

/** What a text has in it that may be JSON. */
function valueIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Where a side that is taken over has plain text where an envelope is asked for. */
export interface PlainPlaces {
  readonly plaintext: readonly Path[]
  /** Those of them at which there is more than one value, so that it cannot be said which of these it is. */
  readonly unclear: readonly Path[]
}

/**
 * The places of the marks of a side.
 *
 * @param layer whose names the side has
 * @throws AdminError `invalid_options` for a mark that leads nowhere
 */
export function plainPlaces(
  workspace: Workspace,
  { tree, place }: SideTree,
  marks: readonly Path[],
  layer: LayerInfo,
): PlainPlaces {
  const { definition } = workspace.settings
  const plaintext: Path[] = []
  const unclear: Path[] = []
  for (const mark of marks) {
    const path = pathInDocument(definition, { path: [], layer }, [...place, ...mark.map(String)])
    let part: PlainTree | undefined = tree
    for (let depth = place.length; depth < path.length; depth++) {
      const inside: PlainTree | undefined = part && insideOf(part)
      part = inside && partNamed(workspace, inside, { path: path.slice(0, depth + 1), layer })?.[1]
    }
    if (part === undefined) throw unfit(mark)
    plaintext.push(path)
    if (partsOf(part).length > 0) unclear.push(path)
  }
  return { plaintext, unclear }
}

/** The tree itself, or what stands in it as JSON text. */
function insideOf(tree: PlainTree): PlainTree | undefined {
  return tree.type === 'scalar' ? parseJson(tree.text) : tree
}

/** The part of a tree that has a path, with the name that it has there. */
function partNamed({ settings }: Workspace, tree: PlainTree, { path, layer }: SecretPlace) {
  const above = path.slice(0, -1)
  const isNamed = (written: string) =>
    written === String(path.at(-1)) ||
    pathInDocument(settings.definition, { path: above, layer }, [written]).at(-1) === path.at(-1)
  return partsOf(tree).find(([written]) => isNamed(written))
}

function unfit(mark: Path): AdminError {
  return new AdminError('invalid_options', {
    what: `\`plaintext\` names "${pathText(mark)}", and the text has nothing there`,
    remedy: 'Give the text and its plaintext as one export returned them.',
  })
}

/** @throws AdminError `secret_text` for what would be written in plain text, or encrypted, with something else */
export function assertClear(unclear: readonly Path[], paths: readonly Path[]): void {
  const place = unclear.find((each) => paths.some((path) => isAlong(each, path)))
  if (place === undefined) return
  throw new AdminError('secret_text', {
    what: `Something in "${pathText(place)}" stands in the store in plain text where the schema asks for encrypted values, and it is not said which part of it`,
    remedy: 'Take it from the layer that has it, or write it with set(), which encrypts all of it.',
  })
}
