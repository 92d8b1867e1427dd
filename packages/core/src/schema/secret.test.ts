import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { holdsSecret, isSecret, secret } from './secret.ts'

const object = secret(z.object({ a: z.string(), b: z.number() }))
const text = secret(z.string())

describe('isSecret: what is made from a secret schema is secret', () => {
  test.each<[string, z.core.$ZodType]>([
    ['itself', text],
    ['mini', secret(mini.string())],
    ['meta({ secret: true })', z.string().meta({ secret: true })],
    ['min', text.min(1)],
    ['trim', text.trim()],
    ['refine', text.refine(() => true)],
    ['describe', text.describe('x')],
    ['meta', text.meta({ title: 'x' })],
    ['brand', text.brand('x')],
    ['mini.check', secret(mini.string()).check(mini.minLength(1))],
    ['strict', object.strict()],
    ['loose', object.loose()],
    ['catchall', object.catchall(z.string())],
    ['extend', object.extend({ c: z.string() })],
    ['pick', object.pick({ a: true })],
    ['omit', object.omit({ a: true })],
    ['partial', object.partial()],
    ['required', object.required()],
  ])('%s', (_name, schema) => {
    expect(isSecret(schema)).toBe(true)
  })

  test('the schema that was marked is left as it was, and a wrapper is not secret itself', () => {
    const plain = z.string()
    secret(plain)
    expect(isSecret(plain)).toBe(false)
    expect(isSecret(text.optional())).toBe(false)
  })

  test('neither a shape nor a default runs while it is marked, and the value stays readable', () => {
    let calls = 0
    const marked = secret(
      z.object({
        get later() {
          calls++
          return z.string()
        },
      }),
    )
    const made = secret(z.string().default(() => `made ${++calls}`))
    expect(calls).toBe(0)
    expect(marked.parse({ later: 'x' })).toEqual({ later: 'x' })
    expect(made.parse(undefined)).toMatch(/^made/)
  })
})

describe('holdsSecret: finds a secret wherever a schema may have one', () => {
  interface Tree {
    value: string
    inner?: Tree | undefined
  }
  const tree: z.ZodType<Tree> = z.object({ value: text, inner: z.lazy(() => tree).optional() })

  test.each<[string, z.core.$ZodType]>([
    ['object', z.object({ a: text })],
    ['catchall', z.object({}).catchall(text)],
    ['record', z.record(z.string(), text)],
    ['record keys', z.record(text, z.string())],
    ['map', z.map(z.string(), text)],
    ['map keys', z.map(text, z.string())],
    ['set', z.set(text)],
    ['array', z.array(text)],
    ['tuple', z.tuple([z.string(), text])],
    ['tuple rest', z.tuple([z.string()], text)],
    ['union', z.union([z.string(), text])],
    ['intersection, left', z.intersection(text, z.string())],
    ['intersection, right', z.intersection(z.string(), text)],
    ['optional', text.optional()],
    ['default', text.default('x')],
    ['lazy', z.lazy(() => text)],
    ['transform', text.transform(() => 1)],
    ['pipe', z.string().pipe(text)],
    ['preprocess', z.preprocess((value) => value, text)],
    ['codec', z.codec(z.string(), text, { decode: (a) => a, encode: (a) => a })],
    ['template literal', z.templateLiteral(['a', text])],
    ['in itself', tree],
  ])('%s', (_name, schema) => {
    expect(holdsSecret(schema)).toBe(true)
  })

  test('and none where there is none', () => {
    const plain: z.ZodType = z.object({ a: z.lazy(() => plain).optional(), b: z.tuple([z.string()]) })
    expect(holdsSecret(plain)).toBe(false)
  })
})
