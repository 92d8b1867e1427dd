import type { LayerInfo } from '@livetree/core/source'
import { parse } from 'dotenv'
import { AdminError } from '../errors.ts'

/** The variables of a text for dotenv, in its order. */
export function parseDotenv(text: string): readonly (readonly [name: string, value: string])[] {
  return Object.entries(parse(text))
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
