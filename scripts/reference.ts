import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'rolldown/parseAst'
import { errorCodes } from '../packages/etcd/src/error-codes.ts'
import { livetreeErrorCodes } from '../packages/core/src/errors.ts'
import { ENTRIES, SECTIONS } from './reference-sections.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGE = join(ROOT, 'docs/reference.md')
/** A node of the parser, as far as this page needs it. */
interface AstNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly id?: AstNode | null
  readonly name?: string
  readonly key?: AstNode
  readonly source?: { readonly value: string } | null
  readonly declaration?: AstNode | null
  readonly declarations?: readonly AstNode[]
  /** Of an interface. */
  readonly extends?: readonly { readonly expression: AstNode }[]
  readonly specifiers?: readonly { readonly exported: { readonly name: string } }[]
  readonly body?: AstNode | readonly AstNode[] | null
  readonly value?: AstNode | null
}

/** A file, with the names it exports. */
interface SourceText {
  readonly path: string
  readonly text: string
  readonly exports: readonly AstNode[]
}

/** A name as it is declared; overloads are several. */
interface Declared {
  readonly path: string
  readonly text: string
  readonly nodes: readonly { readonly declaration: AstNode; readonly start: number }[]
}

const parsed = new Map<string, SourceText>()

function parse(path: string): SourceText {
  const known = parsed.get(path)
  if (known !== undefined) return known
  const text = readFileSync(path, 'utf8')
  const body = parseAst(text, { lang: 'ts' }).body as unknown as readonly AstNode[]
  const file = { path, text, exports: body.filter(({ type }) => type === 'ExportNamedDeclaration') }
  parsed.set(path, file)
  return file
}

function pathOf(specifier: string, from: string): string {
  if (specifier.startsWith('.')) return resolve(dirname(from), specifier)
  const [, name = '', entry = ''] = /^@livetree\/([a-z]+)\/?(.*)$/.exec(specifier) ?? []
  return join(ROOT, 'packages', name, 'src', entry, 'index.ts')
}

/** The names that a file exports from other files, with the file of each. */
function reexports(path: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const { source, specifiers = [] } of parse(path).exports) {
    if (source === undefined || source === null) continue
    for (const { exported } of specifiers) found.set(exported.name, pathOf(source.value, path))
  }
  return found
}

function find(name: string, path: string): Declared {
  const elsewhere = reexports(path).get(name)
  if (elsewhere !== undefined) return find(name, elsewhere)
  const { text, exports } = parse(path)
  const nodes = exports.flatMap(({ declaration, start }) => {
    const declared = declaration?.declarations ?? [declaration]
    const isIt = declared.some((each) => each?.id?.name === name)
    return isIt && declaration ? [{ declaration, start }] : []
  })
  if (nodes.length === 0) throw new Error(`docs/reference.md: ${name} is not declared in ${path}`)
  return { path, text, nodes }
}

/** The text of the doc comment that ends right before a place, without its frame; each paragraph on one line. */
function commentBefore(text: string, start: number): string {
  const before = text.slice(0, start).replace(/(\s*\/\/[^\n]*)?\s*$/, '')
  if (!before.endsWith('*/')) return ''
  const doc = before.slice(before.lastIndexOf('/*'))
  if (!doc.startsWith('/**')) return ''
  const lines = doc
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
  return lines
    .join('\n')
    .trim()
    .replace(/\s*@param (\S+) /g, '\n\n`$1`: ')
    .replace(/\s*@throws (\w+Error) /g, '\n\nThrows $1: ')
    .replace(/\s*@throws /g, '\n\nThrows ')
    .replace(/\s*@returns /g, '\n\nReturns ')
    .split(/(```[\s\S]*?```)/)
    .map((part) => (part.startsWith('```') ? part : part.replace(/([^\n])\n[ \t]*(?=[^\s-])/g, '$1 ')))
    .join('')
    .replace(/\n{3,}/g, '\n\n')
}

/** The code between two places, without comments, on one line. */
function codeOf(text: string, start: number, end: number): string {
  return text
    .slice(start, end)
    .replace(/\/\*\*[\s\S]*?\*\/\s*/g, '')
    .replace(/^export (declare )?/, '')
    .replace(/^readonly /, '')
    .replace(/\s*\{\s*$/, '')
    .replace(/\s*\n\s*(?=readonly |\w+\??: )/g, '; ')
    .replace(/\{; /g, '{ ')
    .replace(/\(; /g, '(')
    .replace(/,; /g, ', ')
    .replace(/\s+/g, ' ')
    .replace(/\( /g, '(')
    .replace(/,? \)/g, ')')
    .trim()
}

const isList = (body: AstNode['body']): body is readonly AstNode[] => Array.isArray(body)

/** Where the body of a function or a method begins; its end where it has none. */
function headEnd(node: AstNode): number {
  const body = node.value?.body ?? node.body
  return body === undefined || body === null || isList(body) ? node.end : body.start
}

/** The interfaces of the same file that an interface extends and that have no section of their own. */
function parentsOf(declaration: AstNode, path: string): readonly AstNode[] {
  const names = (declaration.extends ?? []).map(({ expression }) => expression.name ?? '')
  const unlisted = names.filter((name) => !SECTIONS.some((section) => section.names.includes(name)))
  return parse(path).exports.flatMap(({ declaration: other }) =>
    other?.type === 'TSInterfaceDeclaration' && unlisted.includes(other.id?.name ?? '') ? [other] : [],
  )
}

function membersOf(declaration: AstNode, text: string): string[] {
  const { body } = declaration
  const members = body && !isList(body) && isList(body.body) ? body.body : []
  const shown = members.filter(({ key }) => key?.type === 'Identifier' && key.name !== 'constructor')
  return shown.map((member) => {
    const comment = commentBefore(text, member.start).replace(/\n+/g, ' ')
    const code = codeOf(text, member.start, headEnd(member)).replace(/;$/, '')
    const own = `- \`${code}\`${comment === '' ? '' : `  \n  ${comment}`}`
    return [own, ...innerOptions(text, member)].join('\n')
  })
}

/** Options of an option that is an object itself. */
function innerOptions(text: string, member: AstNode): string[] {
  const inner = text.slice(member.start, headEnd(member))
  return [...inner.matchAll(/\/\*\*[\s\S]*?\*\/\s*readonly (\w+\??: [^\n;]+)/g)].map((found) => {
    const at = member.start + found.index + found[0].indexOf('*/') + 2
    return `  - \`${found[1]}\`: ${commentBefore(text, at).replace(/\n+/g, ' ')}`
  })
}

function sectionOf(name: string, entry: string): string {
  const { path, text, nodes } = find(name, entry)
  const comment = nodes.map(({ start }) => commentBefore(text, start)).find((each) => each !== '')
  const lines = [`### ${name}`, '', ...(comment === undefined ? [] : [comment, ''])]
  const [first] = nodes
  const type = first?.declaration.type
  if (first !== undefined && (type === 'TSInterfaceDeclaration' || type === 'ClassDeclaration')) {
    const { body } = first.declaration
    const head = codeOf(text, first.start, body && !isList(body) ? body.start : first.declaration.end)
    const shown = [...parentsOf(first.declaration, path), first.declaration]
    const members = shown.flatMap((each) => membersOf(each, text))
    return [...lines, '```ts', head, '```', '', ...members, ''].join('\n')
  }
  const overloads = nodes.filter(({ declaration }) => declaration.type === 'TSDeclareFunction')
  const code = (overloads.length > 0 ? overloads : nodes).map(({ declaration, start }) =>
    declaration.type.endsWith('Function') || declaration.type === 'FunctionDeclaration'
      ? codeOf(text, start, headEnd(declaration))
      : text.slice(start, declaration.end).replace(/^export /, ''),
  )
  return [...lines, '```ts', ...code, '```', ''].join('\n')
}

function codeTable(
  codes: Readonly<Record<string, { readonly meaning: string; readonly remedy: string }>>,
): string {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const rows = Object.entries(codes).map(
    ([code, { meaning, remedy }]) => `| \`${code}\` | ${cell(meaning)} | ${cell(remedy)} |`,
  )
  return ['| code | meaning | what to do |', '|---|---|---|', ...rows, ''].join('\n')
}

/** Refuses a page that leaves an export out, or names one that is not there. */
function assertComplete(): void {
  const exported = Object.values(ENTRIES).flatMap((entry) => [...reexports(entry).keys()])
  const listed = SECTIONS.flatMap(({ names }) => names)
  const missing = exported.filter((name) => !listed.includes(name))
  const unknown = listed.filter((name, at) => !exported.includes(name) || listed.indexOf(name) !== at)
  if (missing.length === 0 && unknown.length === 0) return
  throw new Error(
    `docs/reference.md: give each export of ${Object.keys(ENTRIES).join(', ')} one section in scripts/reference-sections.ts. Missing: ${missing.join(', ')}; wrong: ${unknown.join(', ')}`,
  )
}

/** The page docs/reference.md, made of the doc comments of what `livetree` and its other entries for applications export. */
export function makeReference(): string {
  assertComplete()
  const parts = SECTIONS.flatMap(({ title, intro, names, entry }) => [
    `## ${title}\n\n${intro}\n`,
    ...names.map((name) => sectionOf(name, ENTRIES[entry])),
  ])
  return [
    '# Reference\n',
    'What `livetree`, `livetree/cron` and `livetree/fleet` export, from the doc comments of the code. `npm run reference` writes this page; do not edit it.\n',
    `${SECTIONS.map(({ title }) => `[${title}](#${title.toLowerCase().replaceAll(' ', '-')})`).join(' · ')} · [Error codes](#error-codes)\n`,
    ...parts,
    '## Error codes\n',
    '`LivetreeError.code`:\n',
    codeTable(livetreeErrorCodes),
    '`EtcdError.code`, the `cause` where a store is the reason:\n',
    codeTable(errorCodes),
  ]
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, makeReference())
