import { disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { ownCopy } from '../format/own-copy.ts'
import type { LayerChange, Leaf, PatchUpdate, RemovalPermission, ReplaceUpdate } from '../source/source.ts'
import { errorOf, fieldOf, messageOf } from '../thrown.ts'

/** What is read of the argument of a sink's method, by its name: copies, which hold no promise. */
export interface SinkArguments {
  readonly add: { readonly layer: number; readonly leaves: readonly Leaf[] }
  readonly commit: Omit<ReplaceUpdate, 'layers'>
  readonly replace: ReplaceUpdate
  readonly patch: PatchUpdate
  readonly alive: { readonly revision: number; readonly provenAt: number }
  readonly lost: { readonly error: Error; readonly isFinal: boolean }
}

export type SinkMethod = keyof SinkArguments

/** The argument as it was read, or what is wrong with it, for people. */
export type ReadArgument<M extends SinkMethod> =
  | { readonly type: 'read'; readonly argument: SinkArguments[M] }
  | { readonly type: 'malformed'; readonly problem: string }

/**
 * Reads one call of a source, which may be the user's own, in JavaScript: every part is read once and copied, so that nothing
 * that is given later, by the source or by a getter, gets past the checks. A part of a leaf's value that throws is
 * `Unreadable`. The rejection of a promise in a refused argument ends nothing. Linear in the size of the argument; never
 * throws.
 */
export function readCall<M extends SinkMethod>(method: M, given: unknown): ReadArgument<M> {
  try {
    return { type: 'read', argument: readArgument(method, given) }
  } catch (cause) {
    disown(given)
    const what =
      cause instanceof MalformedArgument ? cause.message : `what cannot be read: ${messageOf(cause)}`
    return { type: 'malformed', problem: `called ${method}() with ${what}` }
  }
}

/**
 * As `readCall`, without naming the call.
 *
 * @throws MalformedArgument what is wrong with it; what reading the argument throws
 */
export function readArgument<M extends SinkMethod>(method: M, given: unknown): SinkArguments[M] {
  return READERS[method](given as Fields)
}

/** Its message says what is wrong with an argument, without showing its content, which may be a secret. */
export class MalformedArgument extends Error {}

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

const READERS: { readonly [M in SinkMethod]: (given: Fields) => SinkArguments[M] } = {
  add: ({ layer, leaves }) => ({ layer: numberOf('layer', layer), leaves: leavesOf('leaves', leaves) }),
  commit: treeOf,
  replace: (update) => ({ ...treeOf(update), layers: layersOf(update['layers']) }),
  patch(update) {
    assertObject(update)
    const revision = numberOf('revision', update['revision'])
    const allowRemoval = permissionOf(update['allowRemoval'])
    const changes = changesOf(update['changes'])
    return allowRemoval === undefined ? { revision, changes } : { revision, changes, allowRemoval }
  },
  alive(proof) {
    assertObject(proof)
    const revision = numberOf('revision', proof['revision'])
    return { revision, provenAt: numberOf('provenAt', proof['provenAt']) }
  },
  // The reason of a loss may be no error, or one without a message, or one that cannot be read.
  lost(reason) {
    assertObject(reason)
    const error = fieldOf(reason, 'error')
    const isFinal = fieldOf(reason, 'isFinal') === true
    if (disown([reason, error])) refusePromise('reason', reason)
    return { error: errorOf(error), isFinal }
  },
}

function treeOf(update: Fields): Omit<ReplaceUpdate, 'layers'> {
  assertObject(update)
  const revision = numberOf('revision', update['revision'])
  const epoch = numberOf('epoch', update['epoch'])
  const allowRemoval = permissionOf(update['allowRemoval'])
  const store = optional('store', update['store'], 'string', 'a text')
  const resync = optional('resync', update['resync'], 'boolean', 'true or false')
  const isKnown = optional('isKnown', update['isKnown'], 'boolean', 'true or false')
  const provenAt = update['provenAt']
  return {
    revision,
    epoch,
    ...(allowRemoval !== undefined && { allowRemoval }),
    ...(store !== undefined && { store: store as string }),
    ...(resync !== undefined && { resync: resync as boolean }),
    ...(isKnown !== undefined && { isKnown: isKnown as boolean }),
    ...(provenAt !== undefined && { provenAt: numberOf('provenAt', provenAt) }),
  }
}

function permissionOf(permission: unknown): RemovalPermission | undefined {
  if (permission === undefined || typeof permission === 'boolean') return permission
  if (!Array.isArray(permission)) return refuse('allowRemoval', permission, 'true, or the indexes of layers')
  return Array.from(permission as unknown[], (layer) => {
    if (Number.isInteger(layer)) return layer as number
    disown(layer)
    throw new MalformedArgument(
      'allowRemoval = a list with something else than numbers; expected true, or the indexes of layers',
    )
  })
}

function layersOf(given: unknown): readonly (readonly Leaf[])[] {
  if (!Array.isArray(given)) return refuse('layers', given, 'a list of lists of leaves')
  return Array.from(given as unknown[], (leaves, index) => leavesOf(`layers[${index}]`, leaves))
}

function leavesOf(name: string, given: unknown): readonly Leaf[] {
  if (!Array.isArray(given)) return refuse(name, given, 'a list of leaves')
  const leaves: Leaf[] = []
  const nameOf = (part: string) => `${name}[${leaves.length}]${part}`
  for (const leaf of given as unknown[]) leaves.push(leafOf(leaf, nameOf))
  return leaves
}

function changesOf(given: unknown): readonly LayerChange[] {
  if (!Array.isArray(given)) return refuse('changes', given, 'a list of { layer, leaf }')
  return Array.from(given as unknown[], (change, index) => {
    const name = `changes[${index}]`
    if (typeof change !== 'object' || change === null || isPromise(change))
      return refuse(name, change, '{ layer, leaf }')
    const { layer, leaf } = change as Fields
    if (!Number.isInteger(layer)) return refuse(`${name}.layer`, layer, 'a number')
    return { layer: layer as number, leaf: leafOf(leaf, (part) => `${name}.leaf${part}`) }
  })
}

/** `nameOf` names a part of the leaf, such as `.path`; the leaf itself for `''`. */
function leafOf(given: unknown, nameOf: (part: string) => string): Leaf {
  if (typeof given !== 'object' || given === null)
    return refuse(nameOf(''), given, '{ path, value, revision }')
  const { path, value: held, revision, key } = given as Fields
  const value = ownCopy(held)
  // Before anything is refused: a getter may have made the promise, and nobody else has it.
  const holdsPromise = (typeof value === 'object' || typeof value === 'function') && disown(value)
  if (typeof path !== 'string') return refuse(nameOf('.path'), path, 'a text')
  if (key !== undefined && typeof key !== 'string') return refuse(nameOf('.key'), key, 'a text')
  if (holdsPromise) refusePromise(nameOf('.value'), value)
  if (!Number.isFinite(revision))
    return refuse(nameOf('.revision'), revision, 'a number (0 where there is none)')
  const leaf = { path, value, revision: revision as number }
  return key === undefined ? leaf : { ...leaf, key }
}

function assertObject(given: unknown): void {
  if (isPromise(given)) throw new MalformedArgument('a promise; expected what it resolves with')
  if (typeof given === 'object' && given !== null) return
  throw new MalformedArgument(`${kind(given)}; expected an object`)
}

function numberOf(name: string, value: unknown): number {
  return Number.isFinite(value) ? (value as number) : refuse(name, value, 'a number')
}

/** A value that may be left out. */
function optional(name: string, value: unknown, type: 'string' | 'boolean', expected: string): unknown {
  return value === undefined || typeof value === type ? value : refuse(name, value, expected)
}

/** Promises are no values. */
function refusePromise(name: string, value: unknown): never {
  const held = isPromise(value) ? 'a promise' : `${kind(value)} that holds a promise`
  throw new MalformedArgument(`${name} = ${held}; expected what it resolves with`)
}

function refuse(name: string, value: unknown, expected: string): never {
  disown(value)
  throw new MalformedArgument(`${name} = ${kind(value)}; expected ${expected}`)
}

/** Names the type of a value without showing its content, which may be a secret. */
function kind(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'undefined') return String(value)
  if (Array.isArray(value)) return 'a list'
  if (isPromise(value)) return 'a promise'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
