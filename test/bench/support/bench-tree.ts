import * as z from 'zod'

/** One service of the made-up tree: ten leaves, as configurations have them. */
export const serviceSchema = z.object({
  name: z.string(),
  url: z.string(),
  owner: z.string(),
  note: z.string(),
  region: z.string(),
  zone: z.string(),
  image: z.string(),
  replicas: z.number(),
  timeoutMs: z.number(),
  enabled: z.boolean(),
})

const TEXT = 'abcdefghijklmnopqrstuvwxyz0123456789-'

/** A value of 60 bytes that depends on where it stands. */
export function text60(seed: string): string {
  let text = `${seed}:`
  for (let index = seed.length; text.length < 60; index++)
    text += TEXT[(index * 7 + seed.length) % TEXT.length]
  return text.slice(0, 60)
}

/** The leaves of one service, by name. */
export function serviceLeaves(seed: string): [name: string, text: string][] {
  const texts = ['name', 'url', 'owner', 'note', 'region', 'zone', 'image'] as const
  return [
    ...texts.map((name): [string, string] => [name, text60(`${name}-${seed}`)]),
    ['replicas', '3'],
    ['timeoutMs', '1500'],
    ['enabled', 'true'],
  ]
}

/** Directories of ten, `depth` of them on top of each other, with a service at the bottom of each. */
export function nestedSchema(depth: number): z.ZodType {
  let schema: z.ZodType = serviceSchema
  for (let level = 0; level < depth; level++) schema = z.record(z.string(), schema)
  return z.object({ services: schema })
}

/** The paths of all services of a tree of `10 ** (depth + 1)` leaves. */
export function servicePaths(depth: number): string[] {
  let paths = ['services']
  for (let level = 0; level < depth; level++) {
    paths = paths.flatMap((path) => Array.from({ length: 10 }, (_, index) => `${path}/s${index}`))
  }
  return paths
}

/** All leaves of such a tree, in the order of their keys. */
export function nestedLeaves(depth: number): [path: string, text: string][] {
  return servicePaths(depth)
    .flatMap((path) => serviceLeaves(path).map(([name, text]): [string, string] => [`${path}/${name}`, text]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The same tree as the configuration holds it: objects, with numbers and booleans. */
export function typedTree(depth: number): object {
  const branch = (path: string, level: number): object => {
    if (level === 0) return serviceOf(path)
    const entries = Array.from({ length: 10 }, (_, index) => [
      `s${index}`,
      branch(`${path}/s${index}`, level - 1),
    ])
    return Object.fromEntries(entries) as object
  }
  return { services: branch('services', depth) }
}

function serviceOf(seed: string): object {
  const leaves = Object.fromEntries(serviceLeaves(seed))
  return { ...leaves, replicas: 3, timeoutMs: 1500, enabled: true }
}
