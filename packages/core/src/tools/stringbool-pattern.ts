import * as z from 'zod/v4/core'

/** No word of a schema. */
const NO_WORD = '\0'

/** The pattern of the words that a `z.stringbool()` takes, which it says of a text that is none of them; undefined for other schemas. */
export function stringboolPattern(schema: z.$ZodType): string | undefined {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type !== 'pipe' || !('reverseTransform' in def) || def.out._zod.def.type !== 'boolean')
    return undefined
  const refused = issueOf(schema, NO_WORD)
  const isStringbool = refused !== undefined && 'expected' in refused && refused.expected === 'stringbool'
  if (refused?.code !== 'invalid_value' || !isStringbool) return undefined
  const words = refused.values.map(String)
  const isAnyCase = words.some((word) => {
    const other = otherCase(word)
    return other !== word && issueOf(schema, other) === undefined && !words.includes(other)
  })
  return `^(?:${words.map((word) => patternOf(word, isAnyCase)).join('|')})$`
}

function issueOf(schema: z.$ZodType, text: string): z.$ZodIssue | undefined {
  try {
    return z.safeParse(schema, text).error?.issues[0]
  } catch {
    return undefined
  }
}

function otherCase(word: string): string {
  return word === word.toUpperCase() ? word.toLowerCase() : word.toUpperCase()
}

/** A word as a pattern has it. JSON Schema has no flag for letters of either case. */
function patternOf(word: string, isAnyCase: boolean): string {
  return [...word]
    .map((letter) => {
      const [lower, upper] = [letter.toLowerCase(), letter.toUpperCase()]
      const isPair = isAnyCase && lower !== upper && [lower, upper].every((each) => each.length === 1)
      return isPair ? `[${lower}${upper}]` : letter.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    })
    .join('')
}
