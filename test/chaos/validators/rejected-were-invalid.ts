import type { ConfigRecord, Violation } from '../history.ts'
import { stateAt } from './config-trees.ts'
import type { Validator } from './evidence.ts'
import { firstFrom, type StoreIndex } from './store-index.ts'
import type { TreeState } from './config-trees.ts'

type Rejected = Extract<ConfigRecord, { type: 'rejected' }>

/**
 * What was rejected is a tree that the independent decoder refuses too, with at least one issue to say why; and it was
 * said once, until a valid tree or other issues came.
 */
export const rejectedWereInvalid: Validator = ({ history, stores, storeNumber, states }) => {
  const violations: Violation[] = []
  for (const config of history.configs) {
    let last: { readonly record: Rejected; readonly store: StoreIndex | undefined } | undefined
    for (const record of config.records) {
      if (record.type === 'served') last = undefined
      if (record.type !== 'rejected') continue
      const report = (what: string) =>
        violations.push({ validator: 'rejected-were-invalid', where: config.name, at: record.revision, what })
      const number = storeNumber(config, record.epoch)
      const all = states(config, number)
      if (stateAt(all, record.revision)?.decoded.valid) report(`rejected a valid tree: ${wordsOf(record)}`)
      if (record.issues.length === 0) report('rejected a tree and did not say why')
      const isSaid =
        last?.store === stores[number] &&
        idOf(last!.record) === idOf(record) &&
        !hasValid(all, last!.record.revision, record.revision)
      if (isSaid)
        report(`said again what it had said at revision ${last!.record.revision}: ${wordsOf(record)}`)
      last = { record, store: stores[number] }
    }
  }
  return violations
}

const hasValid = (states: readonly TreeState[], after: number, before: number): boolean => {
  const start = firstFrom(states, after + 1, ({ revision }) => revision)
  const end = firstFrom(states, before, ({ revision }) => revision)
  return states.slice(start, end).some(({ decoded }) => decoded.valid)
}

/** What makes a rejection another one. */
const idOf = ({ issues }: Rejected): string =>
  JSON.stringify(
    issues.map(({ code, pathText, message, received, origins }) => [
      code,
      pathText,
      message,
      received,
      origins,
    ]),
  )

const wordsOf = ({ issues }: Rejected): string =>
  issues.map(({ pathText, message }) => `${pathText}: ${message}`).join('; ')
