import type { LayerInfo } from '@livetree/core/source'
import { parse } from 'dotenv'
import { AdminError } from '../errors.ts'

/** One assignment as dotenv finds it, where it begins; blanks may stand inside it, but not before it. */
const ASSIGNMENT =
  /(?:export\s+)?[\w.-]+(?:\s*=\s*?|:\s+?)(?:\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/my

/**
 * The variables of a text for dotenv, in its order. dotenv itself takes time by the square of the number of blank lines, which
 * it looks through again from each of them; here each assignment is given to it alone.
 */
export function parseDotenv(text: string): readonly (readonly [name: string, value: string])[] {
  const lines = text.replace(/\r\n?/g, '\n')
  const found = new Map<string, string>()
  const blanks = /\s*/y
  for (let at = 0; at < lines.length; ) {
    blanks.lastIndex = at
    blanks.exec(lines)
    const start = blanks.lastIndex
    ASSIGNMENT.lastIndex = start
    const [assignment = ''] = ASSIGNMENT.exec(lines) ?? []
    for (const [name, value] of Object.entries(parse(assignment))) found.set(name, value)
    const end = lines.indexOf('\n', start + assignment.length)
    at = end < 0 ? lines.length : end + 1
  }
  return [...found]
}

/** The layer that names of variables are read by. */
export function variableLayer(prefix: string): LayerInfo {
  return { name: 'env', keyPrefix: prefix, separator: '__', naming: 'env' }
}

/**
 * One line, in quotes that dotenv takes off again and changes nothing in.
 *
 * @throws AdminError `unwritable_value` for a text that no quotes hold
 */
export function dotenvLine(name: string, text: string): string {
  for (const quoted of [
    text,
    `'${text}'`,
    `"${text.replaceAll('\n', '\\n').replaceAll('\r', '\\r')}"`,
    `"${text}"`,
    `\`${text}\``,
  ]) {
    const line = `${name}=${quoted}`
    const read = parse(line)
    if (read[name] === text && Object.keys(read).length === 1) return line
  }
  throw new AdminError('unwritable_value', {
    what: `The text of ${name} has no form that dotenv reads as the same`,
    remedy: 'Export it as YAML or JSON.',
  })
}
