import type { Difference } from '@livetree/admin'
import type { ConfigDefinition, Path } from '@livetree/core'
import { kindAt, pathText, SECRET_TEXT } from '@livetree/core/tools'
import type { $ZodType } from 'zod/v4/core'
import { fullText } from '../tree/shown-text.ts'
import type { ComparedLineView, ComparedView } from '../wire/index.ts'

/** The most lines of one place, and the longest text of one of them. */
const MOST_LINES = 20
const MOST_TEXT = 2_000

/** A place with its lines, before it is shown. */
interface Place {
  readonly path: Path
  readonly lines: ComparedLineView[]
  isSecret: boolean
}

/** Who may see and promote what. */
export interface PlaceRules {
  sees(path: Path): boolean
  isWithheld(path: Path): boolean
  /** @param isMissing whether the side that is promoted has nothing there */
  canPromote(path: Path, isMissing: boolean): boolean
}

/**
 * Joins differences, which are of scalars, into places that can be promoted each for itself: items of a list belong together. A text
 * that is withheld reads `[secret]`.
 *
 * @param differences of `Admin.diff` from the side that is written to the one that is promoted
 */
export function comparedPlaces(
  definition: ConfigDefinition<$ZodType>,
  differences: readonly Difference[],
  rules: PlaceRules,
): readonly ComparedView[] {
  const places = new Map<string, Place>()
  for (const { path, previous, next } of differences) {
    const top = placeOf(definition, path)
    if (!rules.sees(top)) continue
    const name = JSON.stringify(top.map(String))
    const place = places.get(name) ?? { path: top, lines: [], isSecret: false }
    places.set(name, place)
    place.isSecret ||= rules.isWithheld(path) || previous === SECRET_TEXT || next === SECRET_TEXT
    place.lines.push({ at: pathText(path.slice(top.length)), into: shown(previous), from: shown(next) })
  }
  return [...places.values()].map((place) => placeView(place, rules))
}

function placeView({ path, lines, isSecret }: Place, rules: PlaceRules): ComparedView {
  const isMissing = lines.every(({ at, from }) => at === '' && from === undefined)
  const withheld = (text: string | undefined) => (isSecret && text !== undefined ? SECRET_TEXT : text)
  return {
    path,
    pathText: pathText(path),
    isSecret,
    lines: lines
      .slice(0, MOST_LINES)
      .map(({ at, into, from }) => ({ at, into: withheld(into), from: withheld(from) })),
    moreLines: Math.max(0, lines.length - MOST_LINES),
    canPromote: rules.canPromote(path, isMissing),
  }
}

/** The list around a path, or what the schema reads as one JSON document; else the path itself. */
function placeOf(definition: ConfigDefinition<$ZodType>, path: Path): Path {
  for (let length = 1; length < path.length; length++) {
    const top = path.slice(0, length)
    const kind = kindAt(definition, top)
    if (kind === 'list' || kind === 'json') return top
  }
  return path
}

function shown(value: unknown): string | undefined {
  const text = fullText(value)
  return text !== undefined && text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT - 1)}…` : text
}
