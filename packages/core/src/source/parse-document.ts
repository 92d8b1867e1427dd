import { type JsonProblem, parseJsonText } from '../format/json-text.ts'
import { parseYamlText } from './parse-yaml.ts'
import { Unreadable } from './source.ts'

/** The formats a configuration file may be in. */
export type DocumentFormat = 'json' | 'yaml'

/**
 * Reads a file's bytes. Numbers and booleans keep the text they were written with where it says more than their value
 * (`WrittenScalar`), and names are text, always; `undefined` for a YAML file with nothing in it. What cannot be read comes
 * back as `Unreadable`, whose reason names the place and never quotes the text: it may be a secret.
 */
export async function parseDocument(bytes: Uint8Array, format: DocumentFormat): Promise<unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new Unreadable('the file is not UTF-8 text')
  }
  return format === 'json' ? parseJson(text) : parseYaml(text)
}

const JSON_PROBLEMS: Readonly<Record<JsonProblem, string>> = {
  syntax: '',
  depth: ': nested too deeply',
  duplicate: ': duplicate key',
}

function parseJson(text: string): unknown {
  const parsed = parseJsonText(text)
  if (parsed.type === 'value') return parsed.value
  return new Unreadable(`not valid JSON at ${placeOf(text, parsed.offset)}${JSON_PROBLEMS[parsed.what]}`)
}

async function parseYaml(text: string): Promise<unknown> {
  const parsed = await parseYamlText(text)
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
