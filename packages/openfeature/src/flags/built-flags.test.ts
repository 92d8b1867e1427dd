import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Logger } from '@openfeature/server-sdk'
import { expect, test } from 'vitest'
import { type FlagSet, flagSetSchema } from '../schema/index.ts'
import { FlagdFormat } from './flagd-flags.ts'

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} }

test('FlagdFormat: a flag that was built keeps none of the states that it was in', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const format = new FlagdFormat({ requireTargetingKey: false })
  const { flags, ...around } = flagSetSchema.parse({
    flags: { f: { state: 'ENABLED', variants: { on: true }, defaultVariant: 'on' } },
    $evaluators: { x: { '!': [1] } },
  })
  const states = Array.from({ length: 20 }, () => {
    const state: FlagSet = { ...around, flags: { ...flags } }
    format
      .open(state)
      .resolve({ type: 'boolean', key: 'f', defaultValue: false, context: {}, logger: silent })
    return new WeakRef(state.flags)
  })
  await expect
    .poll(() => {
      collect()
      return states.filter((state) => state.deref() !== undefined).length
    })
    .toBe(0)
  expect(flags['f']).toBeDefined()
})
