import type { Difference } from '@livetree/admin'
import type { ConfigDefinition, Path } from '@livetree/core'
import { isAlong, kindAt, pathText, SECRET_TEXT } from '@livetree/core/tools'
import type { $ZodType } from 'zod/v4/core'
import { Refusal } from '../security/refusal.ts'
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
  isWithheld: boolean
  isPlaintext: boolean
}

/** What of a comparison can be promoted, whoever wants it. */
export interface PromotionRules {
  /** Whether it is secret by the schema of the side that is promoted alone: it would be shown here. */
  isWithheld(path: Path): boolean
  /** Whether the side that is promoted has it in plain text, though its schema asks for an encrypted value. */
  isPlaintext(path: Path): boolean
  /** Whether the side that is promoted is all of its layers together. What they lack, no layer can be rid of. */
  readonly isWhole: boolean
}

/** What a user may do with a comparison. */
export interface PlaceRules extends PromotionRules {
  sees(path: Path): boolean
  mayPromote(path: Path): boolean
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
  return placesOf(definition, differences, rules)
    .filter(({ path }) => rules.sees(path))
    .map((place) => placeView(place, rules))
}

/**
 * Refuses to promote what `comparedPlaces` does not let anybody choose.
 *
 * @param differences as of `comparedPlaces`
 * @throws Refusal 422
 */
export function assertPromotable(
  definition: ConfigDefinition<$ZodType>,
  differences: readonly Difference[],
  paths: readonly Path[],
  rules: PromotionRules,
): void {
  for (const place of placesOf(definition, differences, rules)) {
    if (!paths.some((path) => isAlong(place.path, path))) continue
    const obstacle = obstacleTo(place, rules)
    if (obstacle !== undefined)
      throw new Refusal(422, 'invalid_value', `"${pathText(place.path)}" ${obstacle}`)
  }
}

/** Why nobody can promote a place; undefined: it can be done. */
function obstacleTo({ lines, isWithheld }: Place, { isWhole }: PromotionRules): string | undefined {
  if (isWithheld) return 'is secret by the schema of the other environment, and not by the one of this.'
  return isWhole && isMissing(lines)
    ? 'is set nowhere on the other side, and may come from another layer here: compare the layers.'
    : undefined
}

function isMissing(lines: readonly ComparedLineView[]): boolean {
  return lines.every(({ at, from }) => at === '' && from === undefined)
}

const UNMARKED = { isSecret: false, isWithheld: false, isPlaintext: false }

function placesOf(
  definition: ConfigDefinition<$ZodType>,
  differences: readonly Difference[],
  { isWithheld, isPlaintext }: PromotionRules,
): readonly Place[] {
  const places = new Map<string, Place>()
  for (const { path, previous, next } of differences) {
    const top = placeOf(definition, path)
    const name = JSON.stringify(top.map(String))
    const place = places.get(name) ?? { path: top, lines: [], ...UNMARKED }
    places.set(name, place)
    place.isWithheld ||= isWithheld(path)
    place.isPlaintext ||= next !== undefined && isPlaintext(path)
    place.isSecret ||= place.isWithheld || previous === SECRET_TEXT || next === SECRET_TEXT
    place.lines.push({ at: pathText(path.slice(top.length)), into: shown(previous), from: shown(next) })
  }
  return [...places.values()]
}

function placeView(place: Place, rules: PlaceRules): ComparedView {
  const { path, lines, isSecret, isPlaintext } = place
  const withheld = (text: string | undefined) => (isSecret && text !== undefined ? SECRET_TEXT : text)
  return {
    path,
    pathText: pathText(path),
    isSecret,
    isPlaintext,
    lines: lines
      .slice(0, MOST_LINES)
      .map(({ at, into, from }) => ({ at, into: withheld(into), from: withheld(from) })),
    moreLines: Math.max(0, lines.length - MOST_LINES),
    canPromote: obstacleTo(place, rules) === undefined && rules.mayPromote(path),
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
