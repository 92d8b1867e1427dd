import type { Path } from '@livetree/core'
import { compareItemNames, coverOf, isListAt, mayBeItem, pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'
import type { Workspace } from '../workspace.ts'

/** What the items of a list in a layer are called, where each of them has a key; undefined where a document has them. */
export type NamesAt = (list: Path) => readonly string[] | undefined

/**
 * The path of the keys of what a path of the configuration names. There an index is the place of an item in its list; a layer
 * that has the list as keys with numbers may have that item under any of them.
 *
 * @param use `unset`: there has to be such an item
 * @throws AdminError `invalid_path` for an index after the end of a list, but for the next one, and where a list or names may be
 *   meant; `not_found` for one that is to be removed
 */
export function keyPathOf(
  workspace: Workspace,
  path: Path,
  { namesAt, use }: { readonly namesAt: NamesAt; readonly use: 'set' | 'unset' },
): Path {
  const found = keyPathWith(workspace, path, namesAt, (list, segment) => nameOf(list, segment, use))
  return found ?? path
}

/**
 * The same where nothing is to be added; undefined where there is no such item.
 *
 * @throws AdminError `invalid_path` where a list or names may be meant
 */
export function knownKeyPathOf(workspace: Workspace, path: Path, namesAt: NamesAt): Path | undefined {
  return keyPathWith(workspace, path, namesAt, (list, segment) => {
    const isIndex = /^(?:0|[1-9]\d*)$/.test(segment)
    const isThere = isIndex ? Number(segment) < list.names.length : list.names.includes(segment)
    return isThere || (!list.isList && list.names.includes(segment))
      ? nameOf(list, segment, 'set')
      : undefined
  })
}

function keyPathWith(
  { settings }: Workspace,
  path: Path,
  namesAt: NamesAt,
  nameIn: (list: NamedList, segment: string) => string | undefined,
): Path | undefined {
  const { definition, isUntyped } = settings
  if (isUntyped) return path
  const found: (string | number)[] = []
  for (const [depth, segment] of path.entries()) {
    if (!mayBeItem(definition, found, segment)) found.push(segment)
    else {
      const names = namesAt(found)
      if (names === undefined) return [...found, ...path.slice(depth)]
      const list = { path: [...found], names, isList: isListAt(definition, found) }
      const name = nameIn(list, String(segment))
      if (name === undefined) return undefined
      found.push(name)
    }
  }
  return found
}

interface NamedList {
  readonly path: Path
  /** Those of its items, in their order. */
  readonly names: readonly string[]
  /** It is a list, and no object, however it is read. */
  readonly isList: boolean
}

function nameOf(list: NamedList, segment: string, use: 'set' | 'unset'): string {
  const { names, isList } = list
  if (!/^(?:0|[1-9]\d*)$/.test(segment)) {
    // No index has zeros before it: it names its key.
    if (isList && /^\d+$/.test(segment) && !names.includes(segment)) throw beyond(list, segment, use)
    return segment
  }
  const index = Number(segment)
  // Where one of them is no number, they are those of an object.
  if (!isList && names.some((name) => !/^\d+$/.test(name))) return segment
  if (!isList && names.length > 0 && (names[index] ?? nextName(names)) !== segment)
    throw unclear(list, segment)
  const name = index === names.length ? nextName(names) : names[index]
  if (name !== undefined) return name
  throw beyond(list, segment, use)
}

/** A name that comes after the others; undefined where there is none. */
function nextName(names: readonly string[]): string | undefined {
  const last = names.at(-1)
  if (last === undefined) return '0'
  return /^\d+$/.test(last) ? String(BigInt(last) + 1n) : undefined
}

function beyond({ path, names }: NamedList, index: string, use: 'set' | 'unset'): AdminError {
  const shown = names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '')
  const what = `The list "${pathText(path)}" has no place ${index} in this layer, where it has ${names.length} ${names.length === 1 ? 'item' : 'items'}${shown === '' ? '' : `, with the keys ${shown}`}`
  if (use === 'unset')
    return new AdminError('not_found', {
      what,
      remedy: 'An index is the place of an item in its list, from 0 on.',
    })
  return new AdminError('invalid_path', {
    what,
    remedy: `An index is the place of an item in its list, from 0 on, and the next item is ${names.length}. Set the list as a whole otherwise.`,
  })
}

function unclear({ path }: NamedList, segment: string): AdminError {
  return new AdminError('invalid_path', {
    what: `"${pathText([...path, segment])}" may be the item ${segment} of a list, and the name ${segment} of an object, which are not the same here`,
    remedy: `Set "${pathText(path)}" as a whole.`,
  })
}

/** The names of the items of a list, in their order, of the keys below its directory. An item that a layer removes is none. */
export function itemNames(
  directory: string,
  keys: Iterable<string>,
  textOf: (key: string) => string | undefined,
): readonly string[] {
  const names = new Set<string>()
  for (const key of keys) {
    const [segment = ''] = key.slice(directory.length).split('/', 1)
    const text = textOf(key)
    if (text === undefined || coverOf(text) !== 'remove') names.add(decodeURIComponent(segment))
  }
  return [...names].sort(compareItemNames)
}
