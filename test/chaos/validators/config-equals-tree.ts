import type { Violation } from '../history.ts'
import { stateAt } from './config-trees.ts'
import type { Validator } from './evidence.ts'
import { pathsShown } from './paths-shown.ts'
import { differingPaths } from './same-data.ts'

/** Every value served is the tree at exactly its revision, over all overlays, as an independent decoder reads it. */
export const configEqualsTree: Validator = ({ history, storeNumber, states }) => {
  const violations: Violation[] = []
  for (const config of history.configs) {
    for (const record of config.records) {
      if (record.type !== 'served') continue
      const { how, epoch, revision, value } = record
      const report = (what: string) =>
        violations.push({ validator: 'config-equals-tree', where: config.name, at: revision, what })
      const decoded = stateAt(states(config, storeNumber(config, epoch)), revision)?.decoded
      // from before the witness: nobody knows
      if (decoded === undefined) continue
      if (!decoded.valid) {
        report(`served (${how}) a tree that is not valid`)
        continue
      }
      const paths = differingPaths(decoded.value, value)
      if (paths.length > 0) report(`served (${how}) other values than the tree has: ${pathsShown(paths)}`)
    }
  }
  return violations
}
