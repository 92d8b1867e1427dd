import { parseSync } from 'rolldown/utils'
import { expect, test } from 'vitest'
import { sourceFolders, sourcesIn } from './source-files.ts'

type Parsed = ReturnType<typeof parseSync>
type Statement = Parsed['program']['body'][number]
type Declarator = Extract<Statement, { type: 'VariableDeclaration' }>['declarations'][number]
type Expression = NonNullable<Declarator['init']>

/** Constants of the public API, which have the name that users import. */
const PUBLIC_TABLES = /^(?:\w+E|e)rrorCodes$/

/** The rules that a text breaks, each with the name or the line that breaks it. */
function faultsIn(text: string): string[] {
  const { program, comments } = parseSync('a.ts', text, {
    lang: 'ts',
    sourceType: 'module',
    preserveParens: false,
  })
  const functions = new Set(program.body.map(declarationOf).flatMap(functionName))
  const constants = program.body.map(declarationOf).flatMap(constantsOf)
  return [
    ...constants.flatMap((constant) => faultOf(constant, functions)),
    ...comments.filter(isDocWithProse).map(({ value }) => `@throws: ${value.trim().slice(0, 60)}`),
  ]
}

/** The declaration in an `export` statement, else the statement itself. */
function declarationOf(statement: Statement): Statement {
  return statement.type === 'ExportNamedDeclaration' && statement.declaration !== null
    ? (statement.declaration as Statement)
    : statement
}

function functionName(statement: Statement): string[] {
  return statement.type === 'FunctionDeclaration' && statement.id !== null ? [statement.id.name] : []
}

function constantsOf(statement: Statement): readonly Declarator[] {
  return statement.type === 'VariableDeclaration' && statement.kind === 'const' ? statement.declarations : []
}

function faultOf({ id, init }: Declarator, functions: ReadonlySet<string>): string[] {
  if (id.type !== 'Identifier' || init === null) return []
  const { name } = id
  const value = bareValue(init)
  if (value.type === 'ArrowFunctionExpression' || value.type === 'FunctionExpression')
    return [`function declaration: ${name}`]
  if (isMemory(value)) return isUpper(name) ? [`camelCase: ${name}`] : []
  const isEnumeration = /^[A-Z]/.test(name) && value.type === 'ObjectExpression'
  const isFree = isUpper(name) || isEnumeration || PUBLIC_TABLES.test(name)
  return isFree || !isData(value, functions) ? [] : [`UPPER_CASE: ${name}`]
}

/** A value without assertions of its type, and without `Object.freeze`. */
function bareValue(value: Expression): Expression {
  if (value.type === 'TSAsExpression' || value.type === 'TSSatisfiesExpression')
    return bareValue(value.expression)
  const [frozen] = value.type === 'CallExpression' && isFreeze(value.callee) ? value.arguments : []
  return frozen === undefined || frozen.type === 'SpreadElement' ? value : bareValue(frozen)
}

function isFreeze(callee: Expression): boolean {
  return (
    callee.type === 'MemberExpression' &&
    callee.object.type === 'Identifier' &&
    callee.object.name === 'Object' &&
    callee.property.type === 'Identifier' &&
    callee.property.name === 'freeze'
  )
}

function isUpper(name: string): boolean {
  return /^[A-Z][A-Z0-9_]*$/.test(name)
}

/** What is known of objects as long as they exist changes; it is state, and no constant. */
function isMemory(value: Expression): boolean {
  return (
    value.type === 'NewExpression' &&
    value.callee.type === 'Identifier' &&
    /^Weak(?:Map|Set)$/.test(value.callee.name)
  )
}

/**
 * Whether the syntax shows that a value is data. Objects with a function in them may be ports, such as a clock, and what a call
 * or `new` without arguments returns may be anything.
 */
function isData(value: Expression, functions: ReadonlySet<string>): boolean {
  switch (value.type) {
    case 'ObjectExpression':
      return !value.properties.some(
        (property) => property.type === 'Property' && mayBehave(property.value, functions),
      )
    case 'NewExpression':
      return value.arguments.length > 0
    case 'Literal':
    case 'TemplateLiteral':
    case 'ArrayExpression':
    case 'BinaryExpression':
    case 'UnaryExpression':
      return true
    default:
      return false
  }
}

/** Whether the value of a property is a function, or a member of a global or a namespace, such as `Array.isArray`. */
function mayBehave(value: Expression, functions: ReadonlySet<string>): boolean {
  if (value.type === 'Identifier') return functions.has(value.name)
  if (value.type === 'MemberExpression')
    return value.object.type !== 'Identifier' || /^[A-Z]/.test(value.object.name)
  return value.type === 'ArrowFunctionExpression' || value.type === 'FunctionExpression'
}

/** Whether a doc comment says in prose what is thrown. */
function isDocWithProse({ type, value }: Parsed['comments'][number]): boolean {
  return type === 'Block' && value.startsWith('*') && /(?:^|\. |\n) *\*? ?Throws\b/.test(value)
}

test('functions are declared, constants are UPPER_CASE, and what is thrown is in @throws', () => {
  const found = sourceFolders()
    .flatMap(sourcesIn)
    .flatMap(({ file, text }) => faultsIn(text).map((fault) => `${file}: ${fault}`))
  expect(found).toEqual([])
})

test.each([
  ['a constant that is a function', 'export const run = () => 1', ['function declaration: run']],
  ['one in an assertion', 'const run = (() => 1) as Run', ['function declaration: run']],
  ['a number', 'const mostBytes = 3 * 5', ['UPPER_CASE: mostBytes']],
  ['a frozen list', 'export const kinds = Object.freeze([1]) as K', ['UPPER_CASE: kinds']],
  ['a table', 'const table = { a: LIST } satisfies T', ['UPPER_CASE: table']],
  ['a set', "const words = new Set(['a'])", ['UPPER_CASE: words']],
  ['state', 'const KNOWN = new WeakMap<A, B>()', ['camelCase: KNOWN']],
  ['prose', '/** Adds. Throws `full`. */\nfunction add() {}', ['@throws: * Adds. Throws `full`.']],
  ['prose on a line', '/**\n * Throws when full.\n */\nlet a', ['@throws: *\n * Throws when full.']],
  [
    'a port',
    'export const systemClock: Clock = { now: () => 1 }\nconst log = { say }\nfunction say() {}',
    [],
  ],
  ['an enumeration', 'export const EventType = { put: 0 } as const', []],
  ['a local constant', 'function f() { const a = 1; const g = () => a; return g }', []],
  ['a tag', '/** Adds. @throws StatusError `full` */\nfunction add() {}', []],
])('the voice of %s', (_what, text, faults) => {
  expect(faultsIn(text)).toEqual(faults)
})
