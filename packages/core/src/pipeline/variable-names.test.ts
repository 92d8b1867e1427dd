import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import * as z from 'zod'
import { acceptedValue, envLayer, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

const schema = z.object({
  features: z.record(z.string(), z.boolean()).default({}),
  services: z.record(z.string(), z.looseObject({ url: z.string().optional() })).default({}),
  byName: z.map(z.string(), z.record(z.string(), z.string())).default(new Map()),
})
const layers = [storedLayer('base'), storedLayer('prod'), envLayer]
const start = () => staged(schema, { layers })

describe('VariableNames: the name of an entry is the one that another layer has', () => {
  it('is found however it is written, and is in lower case where no layer has one', () => {
    const { patch, pipeline } = start()
    patch(2, { FEATURES__NEW_CHECKOUT: 'true', FEATURES__OTHER: 'yes' })
    const outcome = patch(0, { 'features/newCheckout': 'false' })
    expect(outcome).toMatchObject({ value: { features: { newCheckout: true, other: true } } })
    expect(pipeline.explain('features.newCheckout').layers.map(({ origin }) => origin.key)).toEqual([
      'APP_FEATURES__NEW_CHECKOUT',
      '/base/features/newCheckout',
    ])
  })

  it.each(['newCheckout', 'NewCheckout', 'new-checkout', 'new_checkout', 'NEW_CHECKOUT', 'new checkout'])(
    '%s',
    (name) => {
      const { patch } = start()
      patch(0, { [`features/${name}`]: 'false' })
      expect(acceptedValue(patch(2, { FEATURES__NEW_CHECKOUT: '1' }))).toMatchObject({
        features: { [name]: true },
      })
    },
  )

  it.each(['İstanbul', 'ısparta', 'straße', 'Σίσυφος', '\u212aelvin'])(
    'finds %s, of which only the letters a to z are in upper case',
    (name) => {
      const variable = `FEATURES__${name.replace(/[a-z]/g, (letter) => letter.toUpperCase())}`
      const { patch, pipeline } = start()
      const alone = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
      expect(acceptedValue(patch(2, { [variable]: '1' }))).toMatchObject({ features: { [alone]: true } })
      expect(acceptedValue(patch(0, { [`features/${name}`]: 'false' }))).toMatchObject({
        features: { [name]: true },
      })
      const keys = pipeline.explain(['features', name]).layers.map(({ origin }) => origin.key)
      expect(keys).toEqual([`APP_${variable}`, `/base/features/${name}`])
    },
  )

  it('moves with the entry of the other layer, in a running process too, and is lost for nobody', () => {
    const { patch, replace } = start()
    const names = ['aB', 'cD', 'eF', 'gH', 'iJ', 'kL']
    const tree = (value: string | undefined): Tree =>
      Object.fromEntries(names.map((name) => [`features/${name}`, value]))
    replace(2, {
      FEATURES__A_B: '1',
      FEATURES__C_D: '1',
      FEATURES__E_F: '1',
      FEATURES__G_H: '1',
      FEATURES__I_J: '1',
      FEATURES__K_L: '1',
    })
    expect(Object.keys((acceptedValue(patch(1, tree('0'))) as { features: object }).features)).toEqual(names)
    const gone = acceptedValue(patch(1, tree(undefined), { allowRemoval: true }))
    expect(gone).toMatchObject({ features: { a_b: true, k_l: true } })
    // what the guard counts is what a source has lost, and the environment has lost nothing
    expect(acceptedValue(patch(1, { 'features/zZ': 'true' }))).toMatchObject({
      features: { a_b: true, zZ: true },
    })
  })

  it('stands for a directory, a document and a name of a map too, at every level', () => {
    const { patch } = start()
    patch(0, { 'services/paymentsApi/timeoutMs': '5', 'byName/euWest': '{"firstZone":"a"}' })
    patch(1, { 'services/mailApi': '{}' })
    const value = acceptedValue(
      patch(2, {
        SERVICES__PAYMENTS_API__URL: 'u',
        SERVICES__PAYMENTS_API__TIMEOUT_MS: '6',
        SERVICES__MAIL_API: '{"url":"m","retryCount":1}',
        BY_NAME__EU_WEST__FIRST_ZONE: 'b',
      }),
    )
    expect(value).toEqual({
      features: {},
      services: { mailApi: { url: 'm', retryCount: 1 }, paymentsApi: { url: 'u', timeoutMs: '6' } },
      byName: new Map([['euWest', { firstZone: 'b' }]]),
    })
  })

  it('that stands for several names is unused, and says so; the one in lower case is meant before others', () => {
    const { patch } = start()
    patch(0, { 'features/newCheckout': '0', 'features/new-checkout': '0' })
    const outcome = patch(2, { FEATURES__NEW_CHECKOUT: '1' })
    expect(outcome).toMatchObject({
      value: { features: { newCheckout: false, 'new-checkout': false } },
      unused: [
        {
          origin: { key: 'APP_FEATURES__NEW_CHECKOUT' },
          reason: 'the segment NEW_CHECKOUT, which stands for new-checkout and newCheckout alike',
        },
      ],
    })
    expect(patch(1, { 'features/new_checkout': '0' })).toMatchObject({
      value: { features: { new_checkout: true } },
      unused: [],
    })
  })

  it('with small letters stands for itself; of two variables for one place the first by name counts', () => {
    const { patch } = start()
    const outcome = patch(2, { FEATURES__newCheckout: '1', FEATURES__beta: '0', FEATURES__BETA: '1' })
    expect(outcome).toMatchObject({
      value: { features: { newCheckout: true, beta: true } },
      unused: [{ origin: { key: 'APP_FEATURES__beta' }, reason: 'the same place as FEATURES__BETA' }],
    })
    expect(acceptedValue(patch(2, { FEATURES__BETA: undefined }))).toMatchObject({
      features: { beta: false },
    })
  })

  it('names the variable where its value is invalid', () => {
    const { patch } = start()
    patch(0, { 'features/newCheckout': '0' })
    const [issue] = issuesOf(patch(2, { FEATURES__NEW_CHECKOUT: 'x' }))
    expect(issue).toMatchObject({
      pathText: 'features.newCheckout',
      origins: [{ key: 'APP_FEATURES__NEW_CHECKOUT' }],
    })
  })
})

test('VariableNames: one tree, one value, whatever the history', () => {
  const name = fc.constantFrom('newFlag', 'new-flag', 'new_flag', 'NewFlag', 'other', 'aB')
  const variable = fc.constantFrom('NEW_FLAG', 'OTHER', 'A_B', 'newFlag', 'A-B', 'new_flag')
  const flag = fc.constantFrom('true', 'false', undefined)
  const directory = fc.constantFrom('features', 'services', 'byName/x-y')
  const edit = fc.oneof(
    fc.record({ layer: fc.constantFrom(0, 1), at: fc.tuple(directory, name), value: flag }),
    fc.record({
      layer: fc.constant(2),
      at: fc.tuple(fc.constantFrom('FEATURES', 'SERVICES', 'BY_NAME__X_Y'), variable),
      value: flag,
    }),
  )
  const below = (directory: string) => (directory.toLowerCase() === 'services' ? 'url' : '')
  const pathOf = ({ layer, at: [directory, name] }: { layer: number; at: [string, string] }) =>
    [directory, name, layer === 2 ? below(directory).toUpperCase() : below(directory)]
      .filter((part) => part !== '')
      .join(layer === 2 ? '__' : '/')
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 12 }), fc.boolean(), (edits, isReplaced) => {
      const running = staged(schema, { layers, guard: false })
      const held: Record<string, string>[] = [{}, {}, {}]
      for (const one of edits) {
        const path = pathOf(one)
        const tree = held[one.layer] ?? {}
        if (one.value === undefined) delete tree[path]
        else tree[path] = one.value
        const outcome =
          isReplaced && one.layer === 2
            ? running.replace(2, tree)
            : running.patch(one.layer, { [path]: one.value })
        const fresh = staged(schema, { layers, guard: false })
        let last: unknown
        for (const layer of [2, 0, 1]) last = fresh.replace(layer, held[layer] ?? {})
        const shown = ({ type: _, ...rest }: object & { type?: string }) =>
          JSON.stringify(rest, (key, value) =>
            key === 'revision' ? 0 : value instanceof Map ? [...value] : value,
          )
        expect(shown(outcome)).toBe(shown(last as object))
      }
    }),
    { numRuns: 500 },
  )
})
