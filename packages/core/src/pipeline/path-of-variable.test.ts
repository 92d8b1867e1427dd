import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { envLayer, staged } from './staged.test.kit.ts'

const schema = z.object({
  db: z.object({ url: z.string().optional(), pool: z.object({ max: z.number().default(1) }) }),
  http: z.object({ timeoutMs: z.number().default(1) }),
  features: z.record(z.string(), z.boolean()).default({}),
  services: z.record(z.string(), z.object({ baseUrl: z.string() })).default({}),
  shape: z.union([z.object({ sideLength: z.number() }), z.object({ radius: z.number() })]).optional(),
})

describe('pathOfVariable: the variable that was meant, where underscores were miscounted', () => {
  it.each([
    ['DB_URL', 'APP_DB__URL'],
    ['DB_POOL_MAX', 'APP_DB__POOL__MAX'],
    ['DB__POOL_MAX', 'APP_DB__POOL__MAX'],
    ['DB_POOL__MAX', 'APP_DB__POOL__MAX'],
    ['DB___URL', 'APP_DB__URL'],
    ['HTTP__TIMEOUT__MS', 'APP_HTTP__TIMEOUT_MS'],
    ['HTTP_TIMEOUT_MS', 'APP_HTTP__TIMEOUT_MS'],
    ['FEATURES_NEW_CHECKOUT', 'APP_FEATURES__NEW_CHECKOUT'],
    ['SERVICES_MAIL_API_BASE_URL', 'APP_SERVICES__MAIL_API__BASE_URL'],
    ['SHAPE_SIDE_LENGTH', 'APP_SHAPE__SIDE_LENGTH'],
    // as before: a name that is near
    ['DB__URI', 'APP_DB__URL'],
    ['DB_UNKNOWN', undefined],
    [`DB_${'A_'.repeat(5_000)}`, undefined],
  ])('%s', (variable, meant) => {
    const outcome = staged(schema, { layers: [envLayer] }).patch(0, { [variable]: '1' })
    expect(outcome.unused.map(({ didYouMean }) => didYouMean)).toEqual([meant])
  })

  it('takes no time for many of them in a schema of records in records', () => {
    const names = Array.from({ length: 200 }, (_, index) => `X${index}_${'A_'.repeat(90)}`)
    const deep = z.object({
      x: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.object({})))),
    })
    const { patch } = staged(deep.partial(), { layers: [envLayer] })
    const before = process.cpuUsage()
    patch(0, Object.fromEntries(names.map((name) => [name, '1'])))
    // a quarter of a second; every way to read the underscores would not end
    expect(process.cpuUsage(before).user).toBeLessThan(5_000_000)
  })
})
