import * as z from 'zod/v4/core'
import { disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'
import { unsealed } from '../sealed.ts'
import type { Path } from '../issue.ts'
import { isScalar } from '../schema/directory.ts'
import type { WrapperNode } from '../schema/schema-node.ts'
import { sealsValue } from '../schema/sealed.ts'
import { scalarText } from '../schema/text.ts'
import { fieldOf } from '../thrown.ts'
import { attempt, refuseValue } from './unwritable.ts'

/**
 * Writes a value that a pipe has made: takes it back to what stands at the beginning of the pipe, by the codec's own
 * `encode`, and writes that. Through a one-way transform only a value passes that the transform leaves as it is.
 *
 * @throws Unwritable
 */
export function writeThroughPipe<R>(
  node: WrapperNode,
  value: unknown,
  { path, note }: { readonly path: Path; note(path: Path): void },
  write: (input: unknown) => R,
): R {
  const back = inputOfPipe(node, value, path)
  if (!back.isOneWay) return write(back.input)
  note(path)
  const written = attempt(() => write(back.input))
  return 'result' in written ? written.result : refuseValue(path, ONE_WAY)
}

/** Why a value cannot be written that a one-way transform made. */
export const ONE_WAY =
  'a one-way transform stands before it, so that only a value can be written which the transform leaves as it is. Use z.codec(), which has both directions'

interface PipeInput {
  readonly input: unknown
  readonly isOneWay: boolean
}

function inputOfPipe(node: WrapperNode, value: unknown, path: Path): PipeInput {
  const { def } = (node.schema as z.$ZodTypes)._zod
  if (def.type !== 'pipe') return refuseValue(path, ONE_WAY)
  if (sealsValue(def)) return { input: unsealed(value), isOneWay: false }
  const out = encoded(def.out, value, path)
  if (isCodec(def)) return { input: reversed(def, out.input, path), isOneWay: out.isOneWay }
  // what z.coerce was given is not known; its text is what a tree holds
  const text = isScalar(node.inner) && isCoerced(def.out) ? scalarText(def.out)?.write(out.input) : undefined
  return { input: text ?? out.input, isOneWay: out.isOneWay }
}

/** What a schema was given to make a value; the value itself where it has no way back, or is not valid. */
function encoded(schema: z.$ZodType, value: unknown, path: Path): PipeInput {
  // zod before 4.1 has no codecs, and nothing to encode with
  if (schema._zod.def.type === 'transform' || typeof z.safeEncode !== 'function')
    return { input: value, isOneWay: true }
  try {
    const result = z.safeEncode(schema, value as never)
    // When it is read, it is validated again, and the error says why it is not valid.
    return { input: result.success ? result.data : value, isOneWay: false }
  } catch (error) {
    if (isNamed(error, '$ZodEncodeError') || isNamed(error, 'ZodEncodeError'))
      return { input: value, isOneWay: true }
    if (isNamed(error, '$ZodAsyncError')) return refuseAsync(path)
    return refuseThrown(path)
  }
}

function reversed(def: z.$ZodCodecDef, value: unknown, path: Path): unknown {
  const payload = { value, issues: [] as z.$ZodRawIssue[], addIssue: () => {} }
  let input: unknown
  try {
    input = (def.reverseTransform as (value: unknown, payload: object) => unknown)(value, payload)
  } catch {
    refuseThrown(path)
  }
  if (isPromise(input)) {
    disown(input)
    refuseAsync(path)
  }
  if (payload.issues.length > 0)
    refuseValue(path, 'the `encode` of its codec reports that the value is wrong')
  return input
}

function isCodec(def: z.$ZodPipeDef): def is z.$ZodCodecDef {
  return 'reverseTransform' in def && typeof def.reverseTransform === 'function'
}

function isCoerced(schema: z.$ZodType): boolean {
  const { def } = schema._zod
  return 'coerce' in def && def.coerce === true
}

/** By name too: a schema may have been made by another copy of zod. */
function isNamed(error: unknown, name: string): boolean {
  return fieldOf(fieldOf(error, 'constructor'), 'name') === name || fieldOf(error, 'name') === name
}

/** Without the words of what was thrown, which may hold the value. */
function refuseThrown(path: Path): never {
  return refuseValue(path, 'the `encode` of its codec threw')
}

function refuseAsync(path: Path): never {
  return refuseValue(path, 'the `encode` of its codec is async. Make it synchronous')
}
