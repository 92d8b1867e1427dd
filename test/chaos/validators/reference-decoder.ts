import type * as z from 'zod'
import type { Decode } from './config-trees.ts'

/**
 * Decodes trees with nothing of livetree: merges the overlays leaf by leaf, makes plain objects of the paths, and has zod
 * parse the whole. The schema is written for this: everything in it starts from text (`z.coerce.number()`,
 * `z.stringbool()`). Paths have no escapes, and no node is both a leaf and a folder.
 */
export const referenceDecoder = (schema: z.ZodType): Decode => {
  return (layers) => {
    const leaves = new Map(layers.flatMap((layer) => [...layer]))
    const tree: Folder = new Map()
    for (const [path, text] of leaves) put(tree, path.split('/'), text)
    const parsed = schema.safeParse(plain(tree))
    return parsed.success ? { valid: true, value: parsed.data } : { valid: false }
  }
}

type Folder = Map<string, Folder | string>

const put = (folder: Folder, [name, ...rest]: readonly string[], text: string): void => {
  if (rest.length === 0) {
    folder.set(name!, text)
    return
  }
  const known = folder.get(name!)
  const inner: Folder = known instanceof Map ? known : new Map()
  folder.set(name!, inner)
  put(inner, rest, text)
}

const plain = (node: Folder | string): unknown =>
  typeof node === 'string' ? node : Object.fromEntries([...node].map(([name, inner]) => [name, plain(inner)]))
