import type { Path } from '@livetree/core'
import { isWithin, type KeyPlace, keyOfPath, pathText, placesOfKey } from '@livetree/core/tools'
import type { StoreEntry } from 'livetree/operate'
import { AdminError } from '../errors.ts'
import { translatedNow } from '../translate-error.ts'
import type { Workspace } from '../workspace.ts'
import { JsonDocument } from './json-document.ts'
import type { PlaceOfKeys } from './rollback-places.ts'

/** A key with what it held at an earlier revision and what it holds now. */
export interface KeyVersions {
  readonly key: string
  readonly earlier: StoreEntry | undefined
  readonly now: StoreEntry | undefined
}

/** Which part of a key `only` selects. */
export type KeyPart =
  /** All of it: it stands at or below one of the paths. */
  | { readonly type: 'whole' }
  /** The parts of its document that stand at these paths. */
  | { readonly type: 'parts'; readonly parts: readonly DocumentPart[] }
  | { readonly type: 'nothing' }

interface DocumentPart {
  readonly path: Path
  /** The names that lead from the document to the path. */
  readonly names: readonly string[]
}

/** What of a key is at or below some paths: at any of its places, since a layer may be mounted at several. */
export function partOfKey(
  { settings }: Workspace,
  key: string,
  placesIn: (layer: number) => readonly PlaceOfKeys[],
): KeyPart {
  const { definition, store } = settings
  const places = placesOfKey(definition, key, store.layers)
  const isMeant = ({ layer, path }: KeyPlace) =>
    placesIn(layer).some(({ keys, isInside }) => !isInside && isWithin(path, keys))
  if (places.some(isMeant)) return { type: 'whole' }
  const parts = places.flatMap(({ layer, path: top }): DocumentPart[] => {
    const info = store.layers[layer]
    const inside = placesIn(layer).filter(({ keys }) => isWithin(keys, top))
    if (info === undefined) return []
    return inside.map(({ path, keys }) => {
      const below = translatedNow(() => keyOfPath(definition, keys, info)).slice(
        key.length + (key.endsWith('/') ? 0 : 1),
      )
      return { path, names: below.split('/').map(decodeURIComponent) }
    })
  })
  return parts.length === 0 ? { type: 'nothing' } : { type: 'parts', parts }
}

/**
 * Returns a document's text with some parts restored from the earlier revision; undefined if they have not changed. What is put back
 * comes first, in the order of the parts, and what is removed last, the last first: either would move the items after it.
 *
 * @param parts in the order of their paths
 * @throws AdminError `invalid_path` where that is no edit of the document that there is now
 */
export function partsAsThen(
  { key, earlier, now }: KeyVersions,
  parts: readonly DocumentPart[],
): string | undefined {
  const [before, after] = [documentOf(earlier), documentOf(now)]
  // Where one of them is a scalar, no part can be restored alone.
  const isOther = [earlier, now].some((entry) => isScalar(entry))
  const wasThere = ({ names }: DocumentPart) => before?.partAt(names) !== undefined
  const inOrder = [...parts.filter(wasThere), ...parts.filter((part) => !wasThere(part)).toReversed()]
  for (const { path, names } of inOrder) {
    const was = before?.partAt(names)
    if (was === after?.partAt(names) && !isOther) continue
    if (after === undefined || isOther || !putBack(after, names, was))
      throw new AdminError('invalid_path', {
        what: `"${pathText(path)}" is stored inside ${key}, and cannot be rolled back without the rest of it`,
        remedy: 'Give `only` the path of that key.',
      })
  }
  return after?.text === now?.value ? undefined : after?.text
}

function putBack(document: JsonDocument, names: readonly string[], json: string | undefined): boolean {
  if (json !== undefined) return document.put(names, json)
  document.remove(names)
  return true
}

function documentOf(entry: StoreEntry | undefined): JsonDocument | undefined {
  return typeof entry?.value === 'string' ? JsonDocument.of(entry.value) : undefined
}

/** An empty value is that of a directory marker. */
function isScalar(entry: StoreEntry | undefined): boolean {
  return entry !== undefined && entry.value !== '' && documentOf(entry) === undefined
}
