import { comparedPlaces } from '../compare/compared-places.ts'
import { readSide } from '../compare/read-sides.ts'
import type { ComparedView, CompareView } from '../wire/index.ts'
import { readCompareQuery } from './read-input.ts'
import type { Route, RouteContext } from './route.ts'

/** How layers and environments differ. Nothing is written: what is promoted is a change as any other. */
export const COMPARE_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'compare', isMutating: false, run: compare },
]

async function compare(context: RouteContext): Promise<CompareView> {
  const { admin, environments, access, isReadOnly, query, signal } = context
  const { from, into, search, limit } = readCompareQuery(query)
  const { side, ...rules } = await readSide(admin, environments, from, into, signal)
  const differences = await admin.diff(into === '' ? 'now' : { layer: into }, side, { signal })
  const places = comparedPlaces(admin.definition, differences, {
    ...rules,
    sees: (path) => access.sees(path),
    mayPromote: (path) => !isReadOnly && access.mayWrite(path),
  })
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const found = words.length === 0 ? places : places.filter((place) => hasWords(place, words))
  return { places: found.slice(0, limit), total: places.length, found: found.length }
}

function hasWords({ pathText, isSecret, lines }: ComparedView, words: readonly string[]): boolean {
  const values = isSecret ? [] : lines.flatMap(({ into = '', from = '' }) => [into, from])
  const text = [pathText, ...values].join(' ').toLowerCase()
  return words.every((word) => text.includes(word))
}
