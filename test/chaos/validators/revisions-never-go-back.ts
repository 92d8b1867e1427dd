import type { Violation } from '../history.ts'
import type { Validator } from './evidence.ts'

interface Place {
  readonly epoch: number
  readonly revision: number
}

/**
 * The revision of what is served never goes back within an epoch, epochs only rise, and each change has a version of its
 * own. The same holds for what is rejected; and what is served after it is newer.
 */
export const revisionsNeverGoBack: Validator = ({ history }) => {
  const violations: Violation[] = []
  for (const { name, records } of history.configs) {
    let served: (Place & { readonly version: number }) | undefined
    let rejected: Place | undefined
    for (const record of records) {
      if (record.type !== 'served' && record.type !== 'rejected') continue
      const report = (what: string) =>
        violations.push({ validator: 'revisions-never-go-back', where: name, at: record.revision, what })
      if (record.type === 'rejected') {
        const known = [served, rejected].find((place) => place !== undefined && isBefore(record, place))
        if (known) report(`rejected epoch ${record.epoch} after ${shown(known)}`)
        rejected = record
        continue
      }
      if (served !== undefined && isBefore(record, served))
        report(`served (${record.how}) epoch ${record.epoch} after ${shown(served)}`)
      if (record.how === 'change') {
        if (served !== undefined && record.version <= served.version)
          report(`served version ${record.version} after version ${served.version}`)
        if (rejected !== undefined && isBefore(record, rejected))
          report(`changed after it had rejected ${shown(rejected)}`)
      } else if (served !== undefined && record.version < served.version)
        report(`ended with version ${record.version} after version ${served.version}`)
      served = record
    }
  }
  return violations
}

const isBefore = (one: Place, other: Place): boolean =>
  one.epoch < other.epoch || (one.epoch === other.epoch && one.revision < other.revision)

const shown = ({ epoch, revision }: Place): string => `revision ${revision} of epoch ${epoch}`
