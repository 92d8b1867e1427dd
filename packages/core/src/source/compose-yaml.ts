import type { Composer, CST, Document, DocumentOptions, ParseOptions, ScalarTag, SchemaOptions } from 'yaml'

/** Why YAML text cannot be read, and where. The message never quotes the text. */
export class YamlProblem extends Error {
  readonly offset: number | undefined

  constructor(words: string, offset: number | undefined) {
    super(words)
    this.offset = offset
  }
}

/** YAML text that costs more to read than a configuration may. The message says what to do. */
export class YamlTooLarge extends Error {}

/**
 * The parser takes microseconds and a kilobyte or two for each token (a word, a sign, an indent, a line end), so that a file
 * which is small in bytes can still hold up the process or fill its memory. This many take about a second.
 */
const MAX_TOKENS = 250_000
/** One token may be any text. */
const MAX_LENGTH = 4 * 2 ** 20

const WHOLE_FLOAT: ScalarTag = {
  tag: 'tag:yaml.org,2002:float',
  default: true,
  test: /^[-+]?[0-9]+$/,
  resolve: (text) => Number(text),
}

const OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  merge: true,
  intAsBigInt: true,
  // The parser compares each name with all before it; YamlReader has a set.
  uniqueKeys: false,
  // A float of YAML 1.2 needs no point, and the parser's has one. What has no tag stays an integer, whose tag comes first.
  customTags: (tags) => [...tags, WHOLE_FLOAT],
}

/** The parser's codes that say too little. */
const WORDS: Readonly<Record<string, string>> = {
  BAD_DIRECTIVE: 'a directive that is not known',
  MULTIPLE_DOCS: 'more than one document in the file: give file() a profile, which tells which of them count',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAG_RESOLVE_FAILED: 'a tag that is not known, or does not fit its value',
}

/**
 * The documents of a YAML text; one, unless `takesSeveral`. The first error or warning ends the work: the parser's own `parseDocument` goes on and
 * keeps an error for each character that it does not expect, which takes gigabytes for a file that is not YAML at all.
 *
 * @throws YamlProblem, YamlTooLarge
 */
export function composeYaml(
  yaml: typeof import('yaml'),
  text: string,
  takesSeveral: boolean,
): readonly Document.Parsed[] {
  if (text.length > MAX_LENGTH) throw tooLarge(`${MAX_LENGTH / 2 ** 20} MB`)
  const composer = new yaml.Composer(OPTIONS)
  stopAtFirstError(composer)
  const found: Document.Parsed[] = []
  let isDocument = false
  for (const token of tokensOf(yaml, text)) {
    if (token.type === 'error') throw problemOf('UNEXPECTED_TOKEN', token.offset)
    if (token.type === 'document' && isDocument && !takesSeveral)
      throw problemOf('MULTIPLE_DOCS', token.offset)
    isDocument ||= token.type === 'document'
    found.push(...composer.next(token))
  }
  found.push(...composer.end(true, text.length))
  for (const { errors, warnings } of found) {
    const problem = errors[0] ?? warnings[0]
    if (problem !== undefined) throw problemOf(problem.code, problem.pos[0])
  }
  return found
}

function* tokensOf(yaml: typeof import('yaml'), text: string): Generator<CST.Token, void> {
  const parser = new yaml.Parser()
  let count = 0
  for (const lexeme of new yaml.Lexer().lex(text)) {
    if (++count > MAX_TOKENS) throw tooLarge(`${MAX_TOKENS.toLocaleString('en')} tokens`)
    yield* parser.next(lexeme)
  }
  yield* parser.end()
}

function tooLarge(limit: string): YamlTooLarge {
  const remedy = 'Write it as JSON, which is read faster, or split it into several files.'
  return new YamlTooLarge(`it has more than ${limit}, which is the limit for YAML. ${remedy}`)
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
