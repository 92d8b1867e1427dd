import type { Composer, CST, Document, DocumentOptions, ParseOptions, SchemaOptions } from 'yaml'

/** Why YAML text cannot be read, and where. The message never quotes the text. */
export class YamlProblem extends Error {
  readonly offset: number | undefined

  constructor(words: string, offset: number | undefined) {
    super(words)
    this.offset = offset
  }
}

const OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  merge: true,
  intAsBigInt: true,
  // The parser compares each name with all before it; YamlReader has a set.
  uniqueKeys: false,
}

/** The parser's codes that say too little. */
const WORDS: Readonly<Record<string, string>> = {
  BAD_DIRECTIVE: 'a directive that is not known',
  MULTIPLE_DOCS: 'more than one document in the file',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAG_RESOLVE_FAILED: 'a tag that is not known, or does not fit its value',
}

/**
 * The one document of a YAML text. The first error or warning ends the work: the parser's own `parseDocument` goes on and
 * keeps an error for each character that it does not expect, which takes gigabytes for a file that is not YAML at all.
 *
 * @throws YamlProblem
 */
export function composeYaml(yaml: typeof import('yaml'), text: string): Document.Parsed {
  const composer = new yaml.Composer(OPTIONS)
  stopAtFirstError(composer)
  const found: Document.Parsed[] = []
  let isDocument = false
  for (const token of new yaml.Parser().parse(text)) {
    if (token.type === 'error') throw problemOf('UNEXPECTED_TOKEN', token.offset)
    if (token.type === 'document' && isDocument) throw problemOf('MULTIPLE_DOCS', token.offset)
    isDocument ||= token.type === 'document'
    found.push(...composer.next(token))
  }
  found.push(...composer.end(true, text.length))
  const [document] = found as [Document.Parsed]
  const problem = document.errors[0] ?? document.warnings[0]
  if (problem !== undefined) throw problemOf(problem.code, problem.pos[0])
  return document
}

type Place = number | readonly number[] | Pick<CST.SourceToken, 'offset'>

/**
 * The composer reports errors to this function of its own and goes on. It takes what is thrown inside a node for another
 * error, so that the first one is thrown again.
 */
function stopAtFirstError(composer: Composer): void {
  let first: YamlProblem | undefined
  const onError = (at: Place, code: string): never => {
    first ??= problemOf(code, typeof at === 'number' ? at : 'offset' in at ? at.offset : at[0])
    throw first
  }
  Reflect.set(composer, 'onError', onError)
}

function problemOf(code: string, offset: number | undefined): YamlProblem {
  return new YamlProblem(WORDS[code] ?? code.toLowerCase().replaceAll('_', ' '), offset)
}
