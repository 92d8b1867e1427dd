import type { Path } from '@livetree/core'
import { kindAt, leavesOf, nearestName, parsePathText, pathText } from '@livetree/core/tools'
import type { Definition } from '../config-file/load-definitions.ts'
import { CliError } from '../errors/cli-error.ts'

/**
 * The segments of a path that the schema has.
 *
 * @param definition undefined: there is no schema, and every path may be one
 * @throws CliError 3 for any other path, with the one that may have been meant
 */
export function knownPath(definition: Definition | undefined, text: string): Path {
  const path = parsePathText(text)
  if (definition === undefined || kindAt(definition, path) !== undefined) return path
  const meant = nearestPath(definition, path)
  throw new CliError(3, `The schema of "${definition.name}" has nothing at "${text}"`, {
    code: 'invalid_path',
    remedy: meant === undefined ? 'See `livetree tree` for what there is.' : `Did you mean ${meant}?`,
  })
}

/** The path of the schema that looks most like one that it has not got. */
function nearestPath(definition: Definition, path: Path): string | undefined {
  const known = new Set<string>()
  for (const leaf of leavesOf(definition))
    for (let length = 1; length <= leaf.path.length; length++)
      if (leaf.path[length - 1] !== '<key>') known.add(pathText(leaf.path.slice(0, length)))
  const given = pathText(path)
  const ends = [...known].filter((each) => each.endsWith(`.${given}`))
  return ends.length === 1 ? ends[0] : nearestName(given, [...known])
}
