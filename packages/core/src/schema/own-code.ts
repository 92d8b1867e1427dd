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
  const checks = schema._zod.def.checks ?? []
  const held: object[] = [schema._zod.def, ...checks.map((check) => check._zod.def)]
  const functions = held.flatMap((def) => HOLDERS.map((name): unknown => Reflect.get(def, name)))
  const own = checks.filter(isOwnCheck).map((check) => check._zod.check)
  return [...functions, ...own].filter((value) => typeof value === 'function')
}

function isAsync(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object AsyncFunction]'
}
