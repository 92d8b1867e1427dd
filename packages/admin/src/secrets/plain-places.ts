import type { Path } from '@livetree/core'
import type { LayerInfo } from '@livetree/core/source'
import {
  isAlong,
  isWithin,
  keepsNamesAt,
  kindAt,
  pathInDocument,
  pathText,
  placesOfKey,
  readingOf,
} from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import { Judge } from '../tree/judge.ts'
import { choosePrefix, type LayerChoice } from '../tree/target-layer.ts'
import { layerWith, type TreeState } from '../tree/tree-state.ts'
import { layerTexts } from '../transfer/layer-texts.ts'
import { nestedTree } from '../transfer/nested-tree.ts'
import { eachScalar, type SideTree } from '../transfer/plain-tree.ts'
import type { Workspace } from '../workspace.ts'
import type { SecretPlace } from './secret-parts.ts'
import { TreeSecrets } from './tree-secrets.ts'

/** Where a store has plain text and the schema asks for an envelope: whoever can write the store may have put it there. */
export interface PlainPlaces {
  /** By the names that what is taken over has. */
  readonly plaintext: readonly Path[]
  /** Those of them in which only something is in plain text: which of their parts it is cannot be said. */
  readonly unclear: readonly Path[]
}

/**
 * The places of what is taken over that are in plain text in the store. Who takes it over is not who says that it is to be encrypted.
 *
 * @param choice the layer that is taken over; undefined: the whole tree, of which a place has the text of its highest layer
 */
export function plainPlaces(
  workspace: Workspace,
  state: TreeState,
  choice: LayerChoice | undefined,
): PlainPlaces {
  if (!workspace.settings.definition.compiled.hasEncrypted) return { plaintext: [], unclear: [] }
  if (choice === undefined) return placesOfWhole(workspace, state)
  return placesOfLayer(workspace, state, choice)
}

/** Marks plain texts where they are read, and looks where they got to: a list is written without gaps. */
function placesOfLayer(workspace: Workspace, state: TreeState, choice: LayerChoice): PlainPlaces {
  const { definition, store } = workspace.settings
  const secrets = new TreeSecrets(workspace, state.keys)
  const prefix = choosePrefix(store.layers, choice)
  const layer = layerWith(workspace, prefix)
  const plaintext: Path[] = []
  const unclear: Path[] = []
  if (layer === undefined) return { plaintext, unclear }
  const texts = layerTexts(workspace, state, choice, (key, text) => secrets.marked(key, text))
  if (texts.every(({ text }) => secrets.plainShareOf(text) === 'none')) return { plaintext, unclear }
  eachScalar(nestedTree(workspace, texts), [], ({ text }, names) => {
    const share = secrets.plainShareOf(text)
    if (share === 'none') return
    const path = pathInDocument(definition, { path: [], layer }, names)
    plaintext.push(path)
    if (share === 'some') unclear.push(path)
  })
  return { plaintext, unclear }
}

/**
 * The places of a text that somebody says are in plain text in the store that it is from, of which that does not hold for certain:
 * there is more at them than one scalar.
 */
export function unclearIn(
  { settings }: Workspace,
  { tree, place }: SideTree,
  plaintext: readonly Path[],
  layer: LayerInfo,
): readonly Path[] {
  const { definition } = settings
  const unclear: Path[] = []
  eachScalar(tree, place, ({ text }, names) => {
    const path = pathInDocument(definition, { path: [], layer }, names)
    const isPlain = plaintext.some((each) => isWithin(path, each))
    const isOne = plaintext.some((each) => each.length === path.length && isWithin(path, each))
    if (isPlain && !(isOne && readingOf(definition, path, text, true) === undefined)) unclear.push(path)
  })
  return unclear
}

/** What stands at a place, and where it is from. */
interface PlainText extends SecretPlace {
  readonly key: string
  readonly text: string
  /** How many names of the path are those of the key. */
  readonly depth: number
}

function placesOfWhole(workspace: Workspace, state: TreeState): PlainPlaces {
  const found = plainTexts(workspace, state)
  if (found.length === 0) return { plaintext: [], unclear: [] }
  const judge = new Judge(workspace, state, { isGuarded: false })
  judge.judge(state.reading.entries)
  const plaintext: Path[] = []
  const unclear: Path[] = []
  for (const plain of found) {
    const container = renamedIn(workspace, plain)
    if (container !== undefined && isHidden(workspace, judge, plain, container)) continue
    if (container !== undefined) unclear.push(container)
    else if (keyInEffect(judge, plain.path) === plain.key) plaintext.push(plain.path)
  }
  return { plaintext: [...plaintext, ...unclear], unclear }
}

function plainTexts(workspace: Workspace, { reading, keys }: TreeState): readonly PlainText[] {
  const { definition, store } = workspace.settings
  const secrets = new TreeSecrets(workspace, keys)
  const found: PlainText[] = []
  for (const { key, value: text } of reading.entries.values()) {
    const plain = typeof text === 'string' ? secrets.plainIn(key, text) : []
    if (typeof text !== 'string' || plain.length === 0) continue
    const own = placesOfKey(definition, key, store.layers).map(({ path }) => path)
    for (const place of plain) {
      const depth = own.find((path) => isWithin(place.path, path))?.length ?? place.path.length
      found.push({ ...place, key, text, depth })
    }
  }
  return found
}

/** The key that a place has its value from: its own, or that of the document or the list that it is in. */
function keyInEffect(judge: Judge, path: Path): string | undefined {
  for (let length = path.length; length >= 0; length--) {
    const [highest] = judge.explain(path.slice(0, length)).layers
    if (highest !== undefined) return highest.origin.key
  }
  return undefined
}

/** Whether a list is that of a higher layer: one layer supplies a list whole. */
function isHidden({ settings }: Workspace, judge: Judge, { layer }: PlainText, container: Path): boolean {
  const [highest] = judge.explain(container).layers
  return (
    kindAt(settings.definition, container) === 'list' &&
    highest !== undefined &&
    highest.origin.layer !== layer.name
  )
}

/** The first list, record or map on the way whose parts have other names in the value than in the store. */
function renamedIn({ settings }: Workspace, { path, layer, text, depth }: PlainText): Path | undefined {
  const { definition } = settings
  let value: unknown
  for (const [at, name] of path.entries()) {
    const above = path.slice(0, at)
    if (at === depth) value = text
    if (typeof value === 'string') value = valueIn(value)
    if (!keepsNamesAt(definition, above, Array.isArray(value))) return above
    const isNamed = ([written]: readonly [string, unknown]) =>
      pathInDocument(definition, { path: above, layer }, [written]).at(-1) === name
    value = typeof value === 'object' && value !== null ? Object.entries(value).find(isNamed)?.[1] : undefined
  }
  return undefined
}

/** What a text has in it that may be JSON. */
function valueIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
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
