import { messageOf } from '../thrown.ts'

/** What a source gave to its sink, by the name of the method. */
export type SinkMethod = 'add' | 'commit' | 'replace' | 'patch' | 'alive' | 'lost'

/**
 * Validates one call of a source, which may be the user's own, in JavaScript. Returns the problem as text for people;
 * undefined if the argument conforms to the port. Linear in the size of the argument; never throws.
 */
export function malformed(method: SinkMethod, given: unknown): string | undefined {
  try {
    const problem = CHECKS[method](given as Fields)
    return problem && `called ${method}() with ${problem}`
  } catch (cause) {
    return unreadable(method, cause)
  }
}

/** The problem of an argument that throws while it is read. */
export function unreadable(method: SinkMethod, cause: unknown): string {
  return `called ${method}() with what cannot be read: ${messageOf(cause)}`
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
  lost: objectProblem,
}

function treeProblem(update: Fields): string | undefined {
  return (
    objectProblem(update) ??
    numberProblem('revision', update['revision']) ??
    numberProblem('epoch', update['epoch']) ??
    permissionProblem(update['allowRemoval']) ??
    (update['provenAt'] === undefined ? undefined : numberProblem('provenAt', update['provenAt']))
  )
}

function permissionProblem(permission: unknown): string | undefined {
  if (!Array.isArray(permission) || permission.every((layer) => Number.isInteger(layer))) return undefined
  return 'allowRemoval = a list with something else than numbers; expected true, or the indexes of layers'
}

function objectProblem(given: unknown): string | undefined {
  return typeof given === 'object' && given !== null ? undefined : `${kind(given)}; expected an object`
}

function numberProblem(name: string, value: unknown): string | undefined {
  return Number.isFinite(value) ? undefined : `${name} = ${kind(value)}; expected a number`
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
  const { path, revision } = leaf as Fields
  return typeof path === 'string' && typeof revision === 'number' && Number.isFinite(revision)
}

function leafProblem(name: string, leaf: unknown): string {
  const { path, revision } = (leaf ?? {}) as Fields
  if (typeof leaf !== 'object' || leaf === null)
    return `${name} = ${kind(leaf)}; expected { path, value, revision }`
  if (typeof path !== 'string') return `${name}.path = ${kind(path)}; expected a text`
  return `${name}.revision = ${kind(revision)}; expected a number (0 where there is none)`
}

/** Names the type of a value without showing its content, which may be a secret. */
function kind(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'undefined') return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
