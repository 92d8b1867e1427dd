import type { Path, Violation } from '../history.ts'
import type { Validator } from './evidence.ts'
import { pathsShown } from './paths-shown.ts'
import { differingPaths } from './same-data.ts'

/**
 * A change is told only where there is one: `previous` is what this listener knew, `value` differs from it, and the paths
 * told are exactly those that differ.
 */
export const nothingWithoutDifference: Validator = ({ history }) => {
  const violations: Violation[] = []
  for (const { name, records } of history.configs) {
    let known: { readonly value: unknown } | undefined
    for (const record of records) {
      if (record.type !== 'served') continue
      const report = (what: string) =>
        violations.push({ validator: 'nothing-without-difference', where: name, at: record.revision, what })
      const unheard = known === undefined ? [] : differingPaths(known.value, changedFrom(record))
      if (record.how === 'end' && unheard.length > 0) report(`changed without a word: ${pathsShown(unheard)}`)
      if (record.how === 'change') {
        if (unheard.length > 0) report(`told of a change from what was never told: ${pathsShown(unheard)}`)
        const real = differingPaths(record.previous, record.value)
        if (real.length === 0) report('told of a change, and there is none')
        const { missing, invented } = compared(real, record.changed ?? [])
        if (missing.length > 0) report(`changed, and did not say so: ${pathsShown(missing)}`)
        if (invented.length > 0) report(`said that it changed, and it did not: ${pathsShown(invented)}`)
      }
      known = record
    }
  }
  return violations
}

/** What the listener must have known before a record. */
const changedFrom = (record: {
  readonly how: string
  readonly value: unknown
  readonly previous?: unknown
}) => (record.how === 'change' ? record.previous : record.value)

const compared = (real: readonly Path[], told: readonly Path[]) => {
  const ids = (paths: readonly Path[]) => new Set(paths.map((path) => JSON.stringify(path)))
  const [realIds, toldIds] = [ids(real), ids(told)]
  return {
    missing: real.filter((path) => !toldIds.has(JSON.stringify(path))),
    invented: told.filter((path) => !realIds.has(JSON.stringify(path))),
  }
}
