import { disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import type { PatchUpdate, RemovalPermission } from '../source/source.ts'
import { messageOf } from '../thrown.ts'

/** What a source gave to its sink, by the name of the method. */
export type SinkMethod = 'add' | 'commit' | 'replace' | 'patch' | 'alive' | 'lost'

/**
 * Validates one call of a source, which may be the user's own, in JavaScript. Returns the problem as text for people;
 * undefined if the argument conforms to the port: then it holds no promise. The rejection of one in a refused argument ends
 * nothing. Linear in the size of the argument; never throws.
 */
export function malformed(method: SinkMethod, given: unknown): string | undefined {
  let problem: string | undefined
  try {
    problem = problemOf(method, given)
    problem &&= `called ${method}() with ${problem}`
  } catch (cause) {
    problem = unreadable(method, cause)
  }
  if (problem !== undefined) disown(given)
  return problem
}

/** As `malformed`, without naming the call. @throws what reading the argument throws */
export function problemOf(method: SinkMethod, given: unknown): string | undefined {
  return CHECKS[method](given as Fields)
}

/** The problem of an argument that throws while it is read. */
export function unreadable(method: SinkMethod, cause: unknown): string {
  return `called ${method}() with what cannot be read: ${messageOf(cause)}`
}

/** The problem of a change of a layer that the source does not have. */
export function strayChange(changes: PatchUpdate['changes'], layerCount: number): string | undefined {
  const stray = changes.find(({ layer }) => !isLayer(layer, layerCount))
  return stray && `sent a change of layer ${stray.layer} and declares ${layerCount} layers`
}

/** The problem of a permission for a layer that the source does not have. */
export function strayPermission(
  permission: RemovalPermission | undefined,
  layerCount: number,
): string | undefined {
  const stray =
    typeof permission === 'object' ? permission.find((layer) => !isLayer(layer, layerCount)) : undefined
  if (stray === undefined) return undefined
  return `allowed removals from layer ${stray} and declares ${layerCount} layers`
}

function isLayer(index: number, layerCount: number): boolean {
  return index >= 0 && index < layerCount
}

type Fields = Readonly<Record<string, unknown>>

const CHECKS: Readonly<Record<SinkMethod, (given: Fields) => string | undefined>> = {
  add: ({ layer, leaves }) => numberProblem('layer', layer) ?? leavesProblem('leaves', leaves),
  commit: treeProblem,
  replace: (update) => treeProblem(update) ?? layersProblem(update['layers']),
  patch: (update) =>
    objectProblem(update) ??
    numberProblem('revision', update['revision']) ??
    permissionProblem(update['allowRemoval']) ??
    changesProblem(update['changes']),
  alive: (proof) =>
    objectProblem(proof) ??
    numberProblem('revision', proof['revision']) ??
    numberProblem('provenAt', proof['provenAt']),
  lost: (reason) => objectProblem(reason) ?? promiseProblem('reason', reason),
}

function treeProblem(update: Fields): string | undefined {
  return (
    objectProblem(update) ??
    numberProblem('revision', update['revision']) ??
    numberProblem('epoch', update['epoch']) ??
    permissionProblem(update['allowRemoval']) ??
    textProblem('store', update['store']) ??
    flagProblem('resync', update['resync']) ??
    flagProblem('isKnown', update['isKnown']) ??
    (update['provenAt'] === undefined ? undefined : numberProblem('provenAt', update['provenAt']))
  )
}

function permissionProblem(permission: unknown): string | undefined {
  if (permission === undefined || typeof permission === 'boolean') return undefined
  if (!Array.isArray(permission))
    return `allowRemoval = ${kind(permission)}; expected true, or the indexes of layers`
  if (permission.every((layer) => Number.isInteger(layer))) return undefined
  return 'allowRemoval = a list with something else than numbers; expected true, or the indexes of layers'
}

function objectProblem(given: unknown): string | undefined {
  if (isPromise(given)) return 'a promise; expected what it resolves with'
  return typeof given === 'object' && given !== null ? undefined : `${kind(given)}; expected an object`
}

function numberProblem(name: string, value: unknown): string | undefined {
  return Number.isFinite(value) ? undefined : `${name} = ${kind(value)}; expected a number`
}

/** What is wrong with a text that may be left out; undefined: nothing. */
function textProblem(name: string, value: unknown): string | undefined {
  const isText = value === undefined || typeof value === 'string'
  return isText ? undefined : `${name} = ${kind(value)}; expected a text`
}

function flagProblem(name: string, value: unknown): string | undefined {
  const isFlag = value === undefined || typeof value === 'boolean'
  return isFlag ? undefined : `${name} = ${kind(value)}; expected true or false`
}

/** What is wrong with a value of any kind: promises are no values; undefined: nothing. */
function promiseProblem(name: string, value: unknown): string | undefined {
  if (!disown(value)) return undefined
  return `${name} = ${isPromise(value) ? 'a promise' : `${kind(value)} that holds a promise`}; expected what it resolves with`
}

function layersProblem(layers: unknown): string | undefined {
  if (!Array.isArray(layers)) return `layers = ${kind(layers)}; expected a list of lists of leaves`
  for (const [index, leaves] of layers.entries()) {
    const problem = leavesProblem(`layers[${index}]`, leaves)
    if (problem !== undefined) return problem
  }
  return undefined
}

function leavesProblem(name: string, leaves: unknown): string | undefined {
  if (!Array.isArray(leaves)) return `${name} = ${kind(leaves)}; expected a list of leaves`
  for (let index = 0; index < leaves.length; index++) {
    if (!isLeaf(leaves[index])) return leafProblem(`${name}[${index}]`, leaves[index])
  }
  return undefined
}

function changesProblem(changes: unknown): string | undefined {
  if (!Array.isArray(changes)) return `changes = ${kind(changes)}; expected a list of { layer, leaf }`
  for (const [index, change] of (changes as Fields[]).entries()) {
    const name = `changes[${index}]`
    if (objectProblem(change) !== undefined) return `${name} = ${kind(change)}; expected { layer, leaf }`
    if (!Number.isInteger(change['layer']))
      return `${name}.layer = ${kind(change['layer'])}; expected a number`
    if (!isLeaf(change['leaf'])) return leafProblem(`${name}.leaf`, change['leaf'])
  }
  return undefined
}

function isLeaf(leaf: unknown): boolean {
  if (typeof leaf !== 'object' || leaf === null) return false
  const { path, value, revision, key } = leaf as Fields
  const isNamed = typeof path === 'string' && (key === undefined || typeof key === 'string')
  return isNamed && Number.isFinite(revision) && !disown(value)
}

function leafProblem(name: string, leaf: unknown): string {
  const { path, value, revision, key } = (leaf ?? {}) as Fields
  if (typeof leaf !== 'object' || leaf === null)
    return `${name} = ${kind(leaf)}; expected { path, value, revision }`
  if (typeof path !== 'string') return `${name}.path = ${kind(path)}; expected a text`
  return (
    textProblem(`${name}.key`, key) ??
    promiseProblem(`${name}.value`, value) ??
    `${name}.revision = ${kind(revision)}; expected a number (0 where there is none)`
  )
}

/** Names the type of a value without showing its content, which may be a secret. */
function kind(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'undefined') return String(value)
  if (Array.isArray(value)) return 'a list'
  if (isPromise(value)) return 'a promise'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
