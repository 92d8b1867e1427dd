import { describe, expect, it } from 'vitest'
import { chaosConfig, configPlaces } from './chaos-config.ts'
import { draftMistake, draftWrite, wholeTrees } from './draft-write.ts'
import { Random } from './random.ts'
import { decodeChaosConfig } from './reference-decoder.ts'

let drawn = 0
const unique = { text: () => `text-${++drawn}`, number: () => `${++drawn}` }
const place = configPlaces[2]!

/** The leaves of what is written below the first overlay of a configuration. */
const leavesOf = (operations: ReturnType<typeof draftWrite>, folder = `${place.root}/base/`) =>
  new Map(
    operations.flatMap((each) =>
      each.type === 'put' && each.key.startsWith(folder) ? [[each.key.slice(folder.length), each.value]] : [],
    ),
  )

const decode = (...layers: ReadonlyMap<string, string>[]) => decodeChaosConfig(layers, place)

describe('decodeChaosConfig', () => {
  const whole = leavesOf(wholeTrees[0]!(unique))

  it('reads texts as the schema has them, and applies its defaults', () => {
    const leaves = new Map(whole).set('http/port', '80').set('features/0', 'off').set('hosts', '["a","b"]')
    leaves.delete('http/timeoutMs')
    expect(decode(leaves)).toMatchObject({
      valid: true,
      value: { http: { port: 80, timeoutMs: 500 }, features: { 0: false }, hosts: ['a', 'b'] },
    })
  })

  it('merges leaf by leaf, and takes a list from one layer alone', () => {
    const upper = new Map([
      ['http/port', '81'],
      ['limits/1', '7'],
      ['weights/0', '3'],
    ])
    const lower = new Map(whole).set('weights/1', '2').set('limits/0', '6').set('http/timeoutMs', '9')
    expect(decode(lower, upper)).toMatchObject({
      value: { http: { port: 81, timeoutMs: 9 }, limits: { 0: 6, 1: 7 }, weights: [3] },
    })
  })

  it.each(['title', 'db/url', 'hosts', 'backend/kind', 'backend/path'])('is not valid without %s', (path) => {
    const leaves = new Map(whole)
    leaves.delete(path)
    expect(decode(leaves)).toEqual({ valid: false })
  })

  it('takes what writers write for valid, and their mistakes for none', () => {
    const random = new Random(1)
    for (let count = 0; count < 2_000; count += 1) {
      const { bad, good } = draftMistake(random)
      const mistake = leavesOf(bad(unique))
      if (mistake.size === 0) continue
      expect(decode(whole, mistake)).toEqual({ valid: false })
      expect(decode(whole, mistake, leavesOf(good(unique)))).toMatchObject({ valid: true })
      expect(decode(whole, leavesOf(draftWrite(unique, random)))).toMatchObject({ valid: true })
    }
  })

  it('agrees with livetree on a whole tree', async () => {
    const { memory } = await import('livetree')
    const tree: Record<string, unknown> = {}
    for (const [path, text] of whole) {
      const names = path.split('/')
      let folder = tree
      for (const name of names.slice(0, -1)) {
        folder[name] ??= {}
        folder = folder[name] as Record<string, unknown>
      }
      folder[names.at(-1)!] = path === 'hosts' ? JSON.parse(text) : text
    }
    // In memory a list is a list; only keys of a store leave open what numbered names are.
    tree['weights'] = Object.values(tree['weights'] as object)
    await using config = await chaosConfig.load({ sources: [memory(tree)] })
    expect(decode(whole)).toEqual({ valid: true, value: { ...config.current } })
  })
})
