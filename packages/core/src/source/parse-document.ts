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
 * @param isExpanded whether references to variables are replaced, so that one without its quotes is explained
 */
export async function parseDocument(
  bytes: Uint8Array,
  format: DocumentFormat,
  choice?: ProfileChoice,
  isExpanded = false,
): Promise<unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new Unreadable('the file is not UTF-8 text')
  }
  const parsed = await parseText(text, format, choice)
  if (!(parsed instanceof Problem)) return parsed
  const { reason, line } = parsed
  const bare = format === 'yaml' ? BARE_IN_YAML : BARE
  const isBare = isExpanded && line !== undefined && bare.test(text.split('\n')[line - 1] ?? '')
  return new Unreadable(isBare ? `${reason}. Write a variable here in quotes: "\${VAR}"` : reason)
}

function parseText(text: string, format: DocumentFormat, choice: ProfileChoice | undefined): unknown {
  if (format === 'yaml') return parseYaml(text, choice)
  return format === 'toml' ? parseToml(text) : parseJson(text, format === 'jsonc')
}

/** What is wrong with a text, and at which line, from 1 on. */
class Problem {
  readonly reason: string
  readonly line: number | undefined

  constructor(reason: string, line?: number) {
    this.reason = reason
    this.line = line
  }
}

/** A reference that begins a value, an item or a line, where a quote would stand before it. */
const BARE = /(?:^|[[{,:=])\s*\$\{/
/** The same in YAML, which takes it without quotes outside of brackets and braces. */
const BARE_IN_YAML = /(?:^|[[{,]|\{[^{}]*:)\s*\$\{/

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
  return problemAt(text, parsed.offset, 'JSON', JSON_PROBLEMS[parsed.what] + hint)
}

async function parseToml(text: string): Promise<unknown> {
  const parsed = await parseTomlText(text)
  if (parsed.type === 'value') return parsed.value
  const { place, words } = parsed
  if (place === undefined) return new Problem(words)
  const { line, column } = place
  return new Problem(`not valid TOML at line ${line}, column ${column}: ${words}`, line)
}

async function parseYaml(text: string, choice: ProfileChoice | undefined): Promise<unknown> {
  const parsed = await parseYamlText(text, choice)
  if (parsed.type === 'value') return parsed.value
  if (parsed.type === 'too large') return new Problem(parsed.words)
  const { offset, words } = parsed
  return offset === undefined
    ? new Problem(`not valid YAML: ${words}`)
    : problemAt(text, offset, 'YAML', `: ${words}`)
}

function problemAt(text: string, offset: number, format: string, words: string): Problem {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  const column = before.length - before.lastIndexOf('\n')
  return new Problem(`not valid ${format} at line ${line}, column ${column}${words}`, line)
}
