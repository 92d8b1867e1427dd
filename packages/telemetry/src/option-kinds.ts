import type { OptionTable } from '@livetree/core/adapter'
import { optionKinds } from '@livetree/core/adapter'

/** The version of an application. */
export const APP_VERSION = {
  expected: 'a text of at most 100 characters',
  test: (value: unknown) => typeof value === 'string' && value.length <= 100,
} satisfies OptionTable[string]

/** What another library makes, which has these methods. `what`: what to give. */
export function madeBy(what: string, ...methods: readonly string[]): OptionTable[string] {
  const kind = optionKinds.withMethods(...methods)
  return { ...kind, expected: `${what}, ${kind.expected}` }
}
