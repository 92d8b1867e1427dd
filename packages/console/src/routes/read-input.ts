import type { Path } from '@livetree/core'
import { Refusal } from '../security/refusal.ts'
import type {
  ApplyWire,
  ChangeWire,
  CompareQuery,
  PromoteWire,
  RowsQuery,
  SideWire,
  StepWire,
  WirePath,
} from '../wire/index.ts'

/** The most lines of the tree in one answer. */
const MOST_ROWS = 500

/** The most groups that may be open or closed by hand, and the most steps of one change. */
const MOST_PARTS = 2_000

/** The most places of a comparison in one answer. */
const MOST_COMPARED = 1_000

type Fields = Readonly<Record<string, unknown>>

/** What is asked of the tree. @throws Refusal 400 */
export function readRowsQuery(body: unknown): RowsQuery {
  const { toggled = [], isOpen, search = '', offset = 0, limit = 200 } = fieldsOf(body)
  if (!Array.isArray(toggled) || toggled.length > MOST_PARTS) throw bad('toggled', 'a list of paths')
  if (isOpen !== undefined && typeof isOpen !== 'boolean') throw bad('isOpen', 'true or false')
  return {
    toggled: toggled.map((path) => readPath(path, 'toggled')),
    ...(isOpen !== undefined && { isOpen }),
    search: readText(search, 'search', 500),
    offset: readCount(offset, 'offset', 10_000_000),
    limit: readCount(limit, 'limit', MOST_ROWS),
  }
}

/** A change, with the digest of the plan that was looked at. @throws Refusal 400 */
export function readApply(body: unknown): ApplyWire {
  const { id = '', change, digest, message = '', allowRemoval = false } = fieldsOf(body)
  if (typeof allowRemoval !== 'boolean') throw bad('allowRemoval', 'true or false')
  return {
    id: readText(id, 'id', 100),
    change: readChange(change),
    digest: readText(digest, 'digest', 100),
    message: readText(message, 'message', 4_000),
    allowRemoval,
  }
}

/** What shall change. @throws Refusal 400 */
export function readChange(value: unknown): ChangeWire {
  const { layer, steps, rollbackTo, only, promote } = fieldsOf(value)
  if (promote !== undefined) return { promote: readPromote(promote) }
  if (rollbackTo !== undefined) {
    const to = readCount(rollbackTo, 'rollbackTo', Number.MAX_SAFE_INTEGER)
    if (only === undefined) return { rollbackTo: to }
    return { rollbackTo: to, only: readPaths(only, 'only') }
  }
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > MOST_PARTS)
    throw bad('steps', 'a list of steps, at least one')
  return { layer: readText(layer, 'layer', 4_000), steps: steps.map(readStep) }
}

function readPromote(value: unknown): PromoteWire {
  const { from, layer, paths } = fieldsOf(value)
  return { from: readSide(from), layer: readText(layer, 'layer', 4_000), paths: readPaths(paths, 'paths') }
}

function readSide(value: unknown): SideWire {
  const { environment = '', layer = '' } = fieldsOf(value)
  return {
    environment: readText(environment, 'environment', 200),
    layer: readText(layer, 'layer', 4_000),
  }
}

/** What is to be compared. @throws Refusal 400 */
export function readCompareQuery(query: URLSearchParams): CompareQuery {
  const text = (name: string, most: number) => readText(query.get(name) ?? '', name, most)
  return {
    from: { environment: text('environment', 200), layer: text('from', 4_000) },
    into: text('into', 4_000),
    search: text('search', 500),
    limit: Math.max(1, readQueryCount(query.get('limit'), 'limit', MOST_COMPARED, 200)),
  }
}

function readStep(value: unknown): StepWire {
  const { path, text, remove } = fieldsOf(value)
  const at = readPath(path, 'path')
  if (remove === true && text === undefined) return { path: at, remove }
  return { path: at, text: readText(text, 'text', 1_000_000) }
}

/** A path in an address: a list of names as JSON. @throws Refusal 400 */
export function readQueryPath(text: string | null): Path {
  if (text === null || text === '') return []
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw bad('path', 'a list of names as JSON')
  }
  return readPath(value, 'path')
}

/** A whole number in an address. @throws Refusal 400 */
export function readQueryCount(text: string | null, name: string, most: number, fallback: number): number {
  return text === null || text === '' ? fallback : readCount(Number(text), name, most)
}

function readPaths(value: unknown, name: string): readonly WirePath[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_PARTS)
    throw bad(name, 'a list of paths')
  return value.map((path) => readPath(path, name))
}

function readPath(value: unknown, name: string): WirePath {
  const isPath = Array.isArray(value) && value.length <= 200 && value.every(isName)
  if (!isPath) throw bad(name, 'a list of names')
  return value as WirePath
}

function isName(part: unknown): boolean {
  return typeof part === 'string' || Number.isSafeInteger(part)
}

function readText(value: unknown, name: string, most: number): string {
  if (typeof value !== 'string' || value.length > most) throw bad(name, `text of at most ${most} characters`)
  return value
}

function readCount(value: unknown, name: string, most: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most)
    return value as number
  throw bad(name, `a whole number from 0 to ${most}`)
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new Refusal(400, 'bad_request', 'Expected an object.')
}

function bad(name: string, expected: string): Refusal {
  return new Refusal(400, 'bad_request', `Expected ${expected} as ${name}.`)
}
