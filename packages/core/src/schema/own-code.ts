import type * as z from 'zod/v4/core'
import { reachable } from '../reachable.ts'
import { innerSchemas } from './secret.ts'

const known = new WeakMap<z.$ZodType, boolean>()

/** Whether validation with a schema may run its author's own code: a refinement, a transform, a default or a catch. */
export function runsOwnCode(schema: z.$ZodType): boolean {
  let answer = known.get(schema)
  if (answer === undefined) {
    answer = [...reachable([schema], innerSchemas)].some(hasOwnCode)
    known.set(schema, answer)
  }
  return answer
}

/**
 * Whether the schema's own code here is an async function, as far as that can be seen without running it: at the schema
 * itself, or where a pipe leads, since no tree is read by that.
 */
export function hasAsyncCode(schema: z.$ZodType): boolean {
  const def = (schema as z.$ZodTypes)._zod.def
  const behind = def.type === 'pipe' ? [...reachable([def.out], innerSchemas), def.in] : []
  return [schema, ...behind].some((part) => ownFunctions(part).some(isAsync))
}

const handing = new WeakMap<z.$ZodType, boolean>()

/**
 * Whether parts of what is validated reach the author's own code as they are, so that it may write to them. zod itself makes
 * another object, list, set or map of what it reads.
 */
export function handsOnInput(schema: z.$ZodType): boolean {
  let answer = handing.get(schema)
  if (answer === undefined) {
    const all = [...reachable([schema], innerSchemas)]
    const isKept = [...reachable([schema], readingSchemas)].some(keepsInput)
    answer = all.some(hasOwnMessage) || (isKept && all.some(hasOwnCode))
    handing.set(schema, answer)
  }
  return answer
}

/** The schemas directly inside a schema, without a transform that gets what another schema made. */
function readingSchemas(schema: z.$ZodType): readonly z.$ZodType[] {
  const { def } = (schema as z.$ZodTypes)._zod
  return def.type === 'pipe' && def.out._zod.def.type === 'transform' ? [def.in] : innerSchemas(schema)
}

const KEEPING = new Set(['any', 'unknown', 'custom', 'transform', 'date', 'catch'])

/** Whether what a schema takes is what it hands on, also where that is invalid. */
function keepsInput(schema: z.$ZodType): boolean {
  const { type, checks = [] } = schema._zod.def
  return KEEPING.has(type) || checks.some((check) => isOwnCheck(check) && 'when' in check._zod.def)
}

/** Whether a message may be made of the input: zod makes a function without parameters of one that is fixed. */
function hasOwnMessage(schema: z.$ZodType): boolean {
  const { def } = schema._zod
  const held = [def, ...(def.checks ?? []).map((check) => check._zod.def)]
  return held.some(({ error }) => typeof error === 'function' && error.length > 0)
}

const RUNNING = new Set(['transform', 'custom', 'default', 'prefault', 'catch'])

function hasOwnCode(schema: z.$ZodType): boolean {
  const { type, checks = [] } = schema._zod.def
  return RUNNING.has(type) || ownFunctions(schema).length > 0 || checks.some(isOwnCheck)
}

function isOwnCheck(check: z.$ZodCheck<never>): boolean {
  return ['custom', 'overwrite'].includes(check._zod.def.check)
}

/** Where zod keeps functions that users gave it. Those behind getters (defaults) are not asked for, since that runs them. */
const HOLDERS = ['transform', 'fn', 'tx', 'catchValue'] as const

function ownFunctions(schema: z.$ZodType): unknown[] {
  const { def } = schema._zod
  const found = heldFunctions(def, [])
  for (const check of def.checks ?? []) {
    heldFunctions(check._zod.def, found)
    if (isOwnCheck(check)) found.push(check._zod.check)
  }
  return found
}

function heldFunctions(def: object, found: unknown[]): unknown[] {
  for (const name of HOLDERS) {
    const held: unknown = Reflect.get(def, name)
    if (typeof held === 'function') found.push(held)
  }
  return found
}

/** Whether the value is an async function, as far as that can be seen without running it. */
export function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object AsyncFunction]'
}
