import { type JsonProblem, parseJsonText } from '../format/json-text.ts'
import { parseTomlText } from './parse-toml.ts'
import { parseYamlText } from './parse-yaml.ts'
import { Unreadable } from './source.ts'
import type { ProfileChoice } from './yaml-profiles.ts'

/** The formats a configuration file may be in. */
export type DocumentFormat = 'json' | 'jsonc' | 'yaml' | 'toml'

/**
 * Reads a file's bytes. Numbers and booleans keep the text they were written with where it says more than their value
 * (`WrittenScalar`), and names are text, always; `undefined` for a YAML file with nothing in it. What cannot be read comes
 * back as `Unreadable`, whose reason names the place and never quotes the text: it may be a secret.
 *
 * @param choice which documents of a YAML file count, for a `DocumentStack` of them; undefined where it may have one only
 */
export async function parseDocument(
  bytes: Uint8Array,
  format: DocumentFormat,
  choice?: ProfileChoice,
): Promise<unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new Unreadable('the file is not UTF-8 text')
  }
  if (format === 'yaml') return parseYaml(text, choice)
  return format === 'toml' ? parseToml(text) : parseJson(text, format === 'jsonc')
}

const JSON_PROBLEMS: Readonly<Record<JsonProblem, string>> = {
  syntax: '',
  depth: ': nested too deeply',
  duplicate: ': duplicate key',
}

function parseJson(text: string, hasComments: boolean): unknown {
  const parsed = parseJsonText(text, hasComments)
  if (parsed.type === 'value') return parsed.value
  const isComment = !hasComments && /^\/[/*]/.test(text.slice(parsed.offset, parsed.offset + 2))
  const hint = isComment ? ". Comments are taken in a .jsonc file, or with { format: 'jsonc' }" : ''
  const place = placeOf(text, parsed.offset)
  return new Unreadable(`not valid JSON at ${place}${JSON_PROBLEMS[parsed.what]}${hint}`)
}

async function parseToml(text: string): Promise<unknown> {
  const parsed = await parseTomlText(text)
  if (parsed.type === 'value') return parsed.value
  const { place, words } = parsed
  return new Unreadable(
    place === undefined ? words : `not valid TOML at line ${place.line}, column ${place.column}: ${words}`,
  )
}

async function parseYaml(text: string, choice: ProfileChoice | undefined): Promise<unknown> {
  const parsed = await parseYamlText(text, choice)
  if (parsed.type === 'value') return parsed.value
  if (parsed.type === 'too large') return new Unreadable(parsed.words)
  const at = parsed.offset === undefined ? '' : ` at ${placeOf(text, parsed.offset)}`
  return new Unreadable(`not valid YAML${at}: ${parsed.words}`)
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const column = before.length - before.lastIndexOf('\n')
  return `line ${before.split('\n').length}, column ${column}`
}
