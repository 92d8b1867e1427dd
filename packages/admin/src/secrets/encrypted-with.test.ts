import { defineConfig, secret } from '@livetree/core'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { encryptedWith } from './encrypted-with.ts'

const ENVELOPE = 'livetree:encrypted:1:k0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const sealed = () => secret(z.string(), { encrypted: true })
const definition = defineConfig({
  name: 'x',
  schema: z.object({
    a: z.object({ password: sealed(), user: z.string() }),
    b: z.object({ password: sealed(), user: secret(z.string()) }),
  }),
})
const text = (user: string) => JSON.stringify({ password: ENVELOPE, user })

test('a document hides its secrets where all that is not open is an envelope, at each of its places', () => {
  expect(encryptedWith(definition, [['a']], text('ana'))).toBe('k0')
  expect(encryptedWith(definition, [['b']], text('ana'))).toBeUndefined()
  expect(encryptedWith(definition, [['a'], ['b']], text('ana'))).toBeUndefined()
  expect(encryptedWith(definition, [['a'], ['b']], text(ENVELOPE))).toBe('k0')
  expect(encryptedWith(definition, [['a']], JSON.stringify({ user: 'ana' }))).toBeUndefined()
})
