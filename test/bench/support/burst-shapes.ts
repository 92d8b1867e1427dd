import * as z from 'zod'
import { nestedLeaves, nestedSchema, servicePaths } from './bench-tree.ts'

/** Where the puts of a burst go. */
export interface BurstShape {
  readonly schema: z.ZodType
  /** What is there before. */
  leaves(size: number): [path: string, text: string][]
  /** The leaf that put number `index` changes. */
  path(index: number, size: number): string
}

const services = servicePaths(3)

/** Sizes are powers of ten: leaves of the tree, entries of the record. */
export const burstShapes: Readonly<Record<'record' | 'tree', BurstShape>> = {
  record: {
    schema: z.object({ entries: z.record(z.string(), z.number()) }),
    leaves: (size) => Array.from({ length: size }, (_, index) => [`entries/e${index}`, '0']),
    path: (index, size) => `entries/e${index % size}`,
  },
  tree: {
    // as deep as 10,000 leaves in directories of ten are; fewer leaves leave the tree thinner
    schema: nestedSchema(3),
    leaves: (size) => nestedLeaves(3).slice(0, size),
    path: (index, size) => `${services[(index * 7919) % (size / 10)]!}/timeoutMs`,
  },
}
