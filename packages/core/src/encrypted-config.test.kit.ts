import type { $ZodType } from 'zod/v4/core'
import { makeEnvelope } from './encryption/envelope.ts'
import { keyOf } from './encryption/parse-keys.ts'
import type { LayerInfo } from './source/source.ts'
import { defineConfig } from './define-config.ts'
import type { LoadOptions } from './startup/load-options.ts'
import { createManualSource } from './testing/manual-source.ts'

/** The bytes of a key by its number. */
export function keyNumber(number: number): Buffer {
  return Buffer.alloc(32, number + 1)
}

export function material(id: string, number: number) {
  return { id, key: keyNumber(number) }
}

export function sealed(id: string, number: number, path: readonly string[], text: string): string {
  const key = keyOf(id, keyNumber(number))
  if (typeof key === 'string') throw new Error(key)
  return makeEnvelope(key, path, text)
}

export const BASE: LayerInfo = {
  name: 'etcd:/app/base',
  keyPrefix: '/app/base/',
  documentKey: '/app/base',
  separator: '/',
  naming: 'stored',
}

/** Loads a configuration from a store with these keys in its first layer. */
export async function loadFrom<S extends $ZodType>(
  schema: S,
  values: Readonly<Record<string, string>>,
  options: LoadOptions & { readonly layers?: readonly LayerInfo[]; readonly naming?: 'kebab-case' } = {},
) {
  const { layers = [BASE], naming, sources = [], ...loadOptions } = options
  const store = createManualSource({ name: 'etcd', layers })
  const definition = defineConfig({ name: 'shop', schema, naming })
  const loading = definition.load({ logger: false, ...loadOptions, sources: [store, ...sources] })
  const leaves = Object.entries(values).map(([path, value]) => ({ path, value, revision: 7 }))
  store.sink.replace({ revision: 7, epoch: 0, layers: layers.map((_, layer) => (layer === 0 ? leaves : [])) })
  const config = await loading
  const put = (revision: number, path: string, value: string | undefined, layer = 0) => {
    store.sink.patch({ revision, changes: [{ layer, leaf: { path, value, revision } }] })
    return config.refresh()
  }
  return { config, store, put }
}
