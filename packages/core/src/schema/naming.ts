import { oneOf, type OptionKind } from '../option-kinds.ts'
import { lowerCase, upperCase } from './letter-case.ts'

/** How names in the schema are written as keys in the tree. */
export type Naming = 'exact' | 'kebab-case' | 'snake_case'

/** What `naming` may be. */
export const namingKind: OptionKind = oneOf('exact', 'kebab-case', 'snake_case')

/** Looks only at the letters beside a place, so that no name takes longer than its length. */
const WORD_START = /(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/

const ONE_WORD = /^[a-z0-9]+$/

/** `timeoutMs` → `timeout`, `Ms`; `HTTPServer` → `HTTP`, `Server`; `v2Api` → `v2`, `Api`. */
function words(name: string): string[] {
  if (ONE_WORD.test(name)) return [name]
  return name
    .split(WORD_START)
    .flatMap((part) => part.split(/[\s_-]+/))
    .filter((word) => word !== '')
}

/** The key segment of a property under `naming`: `timeoutMs` is `timeout-ms` in kebab-case. */
export function storedName(name: string, naming: Naming): string {
  if (naming === 'exact') return name
  const parts = words(name).map(lowerCase)
  return parts.length === 0 ? name : parts.join(naming === 'kebab-case' ? '-' : '_')
}

/** The part of an environment variable's name that stands for a property: `timeoutMs` is `TIMEOUT_MS`. Only a to z change case. */
export function environmentName(name: string): string {
  return upperCase(storedName(name, 'snake_case'))
}
