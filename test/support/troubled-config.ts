import { defineConfig, type LiveConfig } from '@livetree/core'
import { createManualSource } from '@livetree/core/testing'
import { expect } from 'vitest'
import * as z from 'zod'
import { waitFor } from './wait-for.ts'

const definition = defineConfig({
  name: 'troubled',
  schema: z.object({ limits: z.object({ max: z.number() }), pool: z.string() }),
})

/** A configuration in trouble, as health probes have to tell it. Close it. */
export interface TroubledConfig {
  readonly config: LiveConfig<unknown>
  /** Rejects a tree, for a value at `limits.max`. */
  reject(): Promise<void>
  /** Lets a resource fail, which stays in service as it was. */
  failResource(): Promise<void>
  /** Ends all trouble. */
  mend(): Promise<void>
}

/** What a probe says of both: the path and the key of the rejected value, and the resource that failed. */
export const TROUBLE =
  /limits\.max.*expected number.*\/config\/troubled\/limits\/max.*\[resource_failed\] Cannot build pool/s

/** Loads a configuration that a test brings into trouble. */
export async function createTroubledConfig(): Promise<TroubledConfig> {
  const layer = { name: 'etcd', keyPrefix: '/config/troubled/', separator: '/', naming: 'exact' } as const
  const source = createManualSource({ name: 'etcd', layers: [layer] })
  const loading = definition.load({ sources: [source], logger: false })
  source.replace(1, { limits: { max: '1' }, pool: 'good' })
  const config = await loading
  await config.resource((value) => value.pool, {
    name: 'pool',
    create(pool) {
      if (pool !== 'good') throw new Error('no pool for the test')
      return { pool }
    },
  })
  let revision = 1
  const write = async (values: Readonly<Record<string, string>>) => {
    source.patch(++revision, values)
    await config.refresh()
  }
  return {
    config,
    reject: () => write({ 'limits/max': 'ten' }),
    failResource: () => write({ pool: 'bad' }),
    mend: () => write({ 'limits/max': '2', pool: 'good' }),
  }
}

/** A probe shows the path and key of a rejected tree, and a resource that failed, until both are mended. */
export async function expectTroubleShown(
  { failResource, reject, mend }: TroubledConfig,
  ask: () => Promise<{ readonly status: string; readonly reason?: string }>,
): Promise<void> {
  expect(await ask()).not.toHaveProperty('reason')
  await failResource()
  await reject()
  await waitFor(async () => TROUBLE.test((await ask()).reason ?? ''), { what: 'both in the reason' })
  expect(await ask()).toMatchObject({ status: 'up' })
  await mend()
  await waitFor(async () => (await ask()).reason === undefined, { what: 'no reason' })
}
