import fc, { type GeneratorValue } from 'fast-check'
import type { History, WatchHistory, WatchRecord, WriteRecord } from '../history.ts'
import {
  created,
  decode,
  deliveries,
  list,
  ModelStore,
  type Mutable,
  servings,
} from './model-history.test.kit.ts'
import { StoreIndex } from './store-index.ts'
import { treeStates } from './config-trees.ts'

const keys = ['/c/base/port', '/c/base/name', '/c/prod/port', '/c/prod/name', '/other']

const change = fc.record({
  key: fc.constantFrom(...keys),
  kind: fc.constantFrom('put', 'put', 'wrong', 'delete'),
})
const transaction = fc.uniqueArray(change, { minLength: 1, maxLength: 3, selector: ({ key }) => key })

const range = fc.constantFrom(
  { key: '/', rangeEnd: '0' },
  { key: '\0', rangeEnd: '\0' },
  { key: '/c/base/', rangeEnd: '/c/base0' },
  { key: '/c/base/port' },
)

/** A random run in which all went well: no rule is broken by it. */
export const randomHistory = (g: GeneratorValue): Mutable<History> => {
  const store = new ModelStore()
  // a tree that is valid to begin with, or nothing can be loaded
  const writes: WriteRecord[] = [store.write({ '/c/base/port': '0', '/other': 'o' })]
  for (const [number, changes] of g(fc.array, transaction, { minLength: 1, maxLength: 25 }).entries()) {
    writes.push(
      store.write(Object.fromEntries(changes.map(({ key, kind }) => [key, valueFor(key, kind, number)]))),
    )
  }
  const history = store.history()
  const watches = [0, 1, 2].map((index) => randomWatch(g, history, store, `w${index}`))
  const config = { name: 'config', root: '/c', overlays: ['base', 'prod'] }
  const good: History = {
    epochs: [history],
    writes: g(fc.boolean) ? writes : writes.filter((_, index) => index % 2 === 0),
    watches,
    configs: [{ ...config, records: servings(history, config, seenStates(g, history, config)) }],
  }
  return structuredClone(good) as Mutable<History>
}

/** Each value once; a port is a number unless it is wrong. */
const valueFor = (key: string, kind: string, number: number): string | undefined => {
  if (kind === 'delete') return undefined
  const isPort = key.endsWith('port')
  return isPort && kind === 'put' ? `${number + 1}` : `x${number + 1}`
}

const randomWatch = (
  g: GeneratorValue,
  store: History['epochs'][number],
  model: ModelStore,
  name: string,
): WatchHistory => {
  const only = g(fc.constantFrom, undefined, undefined, 'puts' as const, 'deletes' as const)
  const watch = {
    name,
    ...g(() => range),
    prevKv: g(fc.boolean),
    completeUntil: model.revision,
    ...(only === undefined ? {} : { only }),
  }
  const from = g(fc.integer, { min: 2, max: model.revision + 1 })
  const records: WatchRecord[] = g(fc.boolean)
    ? [list(store, watch, from - 1), created(from)]
    : [created(from)]
  let known = from - 1
  const goOn = (position: number) => {
    for (const delivery of deliveries(store, watch, position, model.revision)) {
      if (delivery.type !== 'events') continue
      const happens = g(fc.constantFrom, 'nothing', 'nothing', 'progress', 'cut', 'compaction', 'guess')
      const revision = delivery.revision - 1
      if (happens === 'progress') records.push({ type: 'progress', revision, isExact: true })
      if (happens === 'guess') records.push({ type: 'progress', revision: revision + 1, isExact: false })
      if (happens === 'cut')
        records.push({ type: 'disconnected' }, { type: 'resumed', position: known + 1, endpoint: '' })
      if (happens === 'compaction') {
        const compactRevision = g(fc.integer, { min: known + 1, max: model.revision })
        records.push(
          { type: 'compacted', compactRevision, position: known + 1 },
          { type: 'ended', code: 'compacted' },
        )
        const listedAt = g(fc.integer, { min: compactRevision, max: model.revision })
        records.push(list(store, watch, listedAt), created(listedAt + 1))
        known = listedAt
        goOn(listedAt + 1)
        return
      }
      records.push(delivery)
      known = delivery.revision
    }
  }
  goOn(from)
  return { ...watch, records }
}

/** States may be passed over, but not the last one, nor the last valid one. */
const seenStates = (
  g: GeneratorValue,
  store: History['epochs'][number],
  config: { readonly root: string; readonly overlays: readonly string[] },
) => {
  const states = treeStates(new StoreIndex(store), config, decode)
  const due = new Set([states.at(-1), states.findLast(({ decoded }) => decoded.valid)])
  const seen = states.filter((state) => due.has(state) || g(fc.boolean))
  const revisions = new Set(seen.map(({ revision }) => revision))
  return (revision: number) => revisions.has(revision)
}
