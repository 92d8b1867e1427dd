import { Unreadable } from './source.ts'

/** The formats a configuration file may be in. */
export type DocumentFormat = 'json' | 'yaml'

/**
 * Reads a file's bytes. Gives maps as `Map` and lists as arrays, so that no key can have a meaning of its own
 * (`__proto__`); `undefined` for a YAML file with nothing in it. What cannot be read comes back as `Unreadable`, whose
 * reason names the place and never quotes the text: it may be a secret.
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

const TOO_DEEP = 'is nested too deeply'

function parseJson(text: string): unknown {
  try {
    // lib.es2023 does not know the third argument yet; Node has it since 21
    return JSON.parse(text, reviveJson as (key: string, value: unknown) => unknown)
  } catch (error) {
    if (error instanceof RangeError) return new Unreadable(`the JSON ${TOO_DEEP}`)
    return new Unreadable(`not valid JSON at ${placeOf(text, jsonErrorOffset(text))}`)
  }
}

/** Numbers that would lose digits stay text, for the schema to read; objects become maps. */
function reviveJson(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value === 'number') return isExact(value) ? value : (context.source ?? value)
  const isObject =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map)
  return isObject ? new Map(Object.entries(value)) : value
}

function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value)
}

/**
 * Where JSON text goes wrong. V8 does not always tell, and quotes the text where it does: so look for the longest
 * beginning that is at worst unfinished.
 */
function jsonErrorOffset(text: string): number {
  let good = 0
  let bad = text.length + 1
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (isUnfinishedJson(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

function isUnfinishedJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const message = (error as Error).message
    const at = /at position (\d+)/.exec(message)
    return /end of JSON input/.test(message) || (at !== null && Number(at[1]) >= text.length)
  }
}

async function parseYaml(text: string): Promise<unknown> {
  // loaded on first use: most services have no YAML, and it is the largest dependency
  const yaml = await import('yaml')
  let document: ReturnType<typeof yaml.parseDocument>
  try {
    document = yaml.parseDocument(text, {
      merge: true,
      intAsBigInt: true,
      prettyErrors: false,
      logLevel: 'error',
    })
  } catch (error) {
    // the parser calls itself for each level
    return new Unreadable(`the YAML ${error instanceof RangeError ? TOO_DEEP : 'cannot be parsed'}`)
  }
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) {
    const what = problem.code.toLowerCase().replaceAll('_', ' ')
    return new Unreadable(`not valid YAML at ${placeOf(text, problem.pos[0])}: ${what}`)
  }
  try {
    const value: unknown = document.toJS({ mapAsMap: true, maxAliasCount: 100, reviver: reviveYaml })
    return value === null ? undefined : value
  } catch {
    return new Unreadable('not valid YAML: an alias without anchor, or aliases that unfold into too much')
  }
}

function reviveYaml(_key: unknown, value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  return isExact(Number(value)) ? Number(value) : value.toString()
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n')
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`
}
