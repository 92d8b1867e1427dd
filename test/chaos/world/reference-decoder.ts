import type { Decode, Layers } from '../validators/config-trees.ts'
import { chaosSchema } from './chaos-config.ts'

/**
 * What a tree is as a chaos configuration, found the plain way: merge the layers leaf by leaf, turn texts into what the
 * schema wants, and let zod parse the whole. It shares nothing with livetree's pipeline, and knows only what writers of
 * the suite write.
 */
export const decodeChaosConfig: Decode = (layers) => {
  const at = (path: string) => layers.findLast((layer) => layer.has(path))?.get(path)
  const numberAt = (path: string) => numberOf(at(path))
  const kind = at('backend/kind')
  const input = withoutAbsent({
    title: at('title'),
    http: withoutAbsent({ port: numberAt('http/port'), timeoutMs: numberAt('http/timeoutMs') }),
    db: withoutAbsent({ url: at('db/url'), pool: withoutAbsent({ max: numberAt('db/pool/max') }) }),
    limits: recordOf(layers, 'limits', numberOf),
    features: recordOf(layers, 'features', booleanOf),
    hosts: documentOf(at('hosts')),
    weights: listOf(layers, 'weights'),
    backend: withoutAbsent({
      kind,
      path: at('backend/path'),
      bucket: at('backend/bucket'),
      partSize: numberAt('backend/partSize'),
    }),
  })
  const { success, data } = chaosSchema.safeParse(input)
  return success ? { valid: true, value: data } : { valid: false }
}

const withoutAbsent = (input: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))

/** Text that is no number stays text, for zod to refuse. */
const numberOf = (text: string | undefined) =>
  text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text

const booleanOf = (text: string) => ({ true: true, false: false, on: true, off: false })[text] ?? text

const recordOf = (layers: Layers, directory: string, decode: (text: string) => unknown) => {
  const record: Record<string, unknown> = {}
  for (const layer of layers) {
    for (const [path, text] of layer) {
      if (path.startsWith(`${directory}/`)) record[path.slice(directory.length + 1)] = decode(text)
    }
  }
  return record
}

const documentOf = (text: string | undefined): unknown => {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A list is one value: that of the highest layer which has any of it. */
const listOf = (layers: Layers, directory: string) => {
  const isPart = (path: string) => path.startsWith(`${directory}/`)
  const layer = layers.findLast((each) => [...each.keys()].some(isPart))
  if (layer === undefined) return undefined
  const positions = [...layer.keys()].filter(isPart).sort()
  return positions.map((path) => numberOf(layer.get(path)))
}
