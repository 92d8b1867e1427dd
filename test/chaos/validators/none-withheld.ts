import type { ConfigHistory, ConfigRecord, Violation } from '../history.ts'
import type { TreeState } from './config-trees.ts'
import type { Evidence, Validator } from './evidence.ts'
import { pathsShown } from './paths-shown.ts'
import { differingPaths } from './same-data.ts'

type Served = Extract<ConfigRecord, { type: 'served' }>

/**
 * At the end the newest tree is served if it is valid. If it is not, the last valid one is (unless a compaction may have
 * hidden it from who was away), and the newest was reported. Judged where the end was recorded.
 */
export const noneWithheld: Validator = (evidence) =>
  evidence.history.configs.flatMap((config) => {
    const end = config.records.at(-1)
    if (end?.type !== 'served' || end.how !== 'end') return []
    const found = wrongWith(config, end, evidence)
    return found === undefined
      ? []
      : [{ validator: 'none-withheld', where: config.name, ...found } satisfies Violation]
  })

const wrongWith = (
  config: ConfigHistory,
  end: Served,
  { stores, storeNumber, states }: Evidence,
): { readonly at: number; readonly what: string } | undefined => {
  const newestStore = stores.length - 1
  const all = states(config, newestStore)
  const newest = all.at(-1)!
  const isOnNewest = storeNumber(config, end.epoch) === newestStore
  if (newest.decoded.valid) {
    const paths = differingPaths(newest.decoded.value, end.value)
    const isServed = paths.length === 0 && isOnNewest && end.revision >= newest.revision
    if (isServed) return undefined
    const what = `ended with revision ${end.revision} of epoch ${end.epoch}, and not with this valid tree`
    return { at: newest.revision, what: paths.length === 0 ? what : `${what}: ${pathsShown(paths)}` }
  }
  const isTold = config.records.some(
    (record) =>
      record.type === 'rejected' &&
      storeNumber(config, record.epoch) === newestStore &&
      (!isOnNewest || record.revision > end.revision),
  )
  if (!isTold) return { at: newest.revision, what: 'ended on a tree that is not valid, and did not say so' }
  const last = lastValid(all)
  if (last === undefined || !isOnNewest) return undefined
  const mayBeHidden = stores[newestStore]!.compactedAt > end.revision
  if (end.revision >= last.revision || mayBeHidden) return undefined
  return { at: last.revision, what: `ended with revision ${end.revision}, and not with this last valid tree` }
}

const lastValid = (states: readonly TreeState[]): TreeState | undefined =>
  states.findLast(({ decoded }) => decoded.valid)
