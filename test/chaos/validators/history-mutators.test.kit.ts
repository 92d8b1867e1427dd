import type { ConfigRecord, History, WatchHistory, WatchRecord } from '../history.ts'
import { stateAt, treeStates } from './config-trees.ts'
import { decode, type Mutable, rejected } from './model-history.test.kit.ts'
import { isSameData } from './same-data.ts'
import { StoreIndex } from './store-index.ts'

type Watch = Mutable<WatchHistory>
type Delivery = Extract<Mutable<WatchRecord>, { type: 'events' }>
type Served = Extract<Mutable<ConfigRecord>, { type: 'served' }>

/** One way to make a history wrong, at one place in it. */
export type Spoiling = () => void

/** All places of a history where something can be made wrong, by the rule that has to notice. */
export const spoilingsOf = (history: Mutable<History>): Readonly<Record<string, readonly Spoiling[]>> => ({
  ...watchSpoilings(history),
  ...configSpoilings(history),
  'store-consistent': history.epochs[0]!.revisions.map((_, index) => () => {
    history.epochs[0]!.revisions.splice(index, 1)
  }),
  'writes-honest': history.writes.flatMap((write) => {
    const hasPut = write.operations.some(({ type }) => type === 'put')
    const outcome = { type: 'refused', code: 'no_leader' } as const
    return hasPut ? [() => void Object.assign(write, { outcome })] : []
  }),
})

const watchSpoilings = ({ watches }: Mutable<History>): Record<string, Spoiling[]> => {
  const places = watches.flatMap((watch) =>
    watch.records.flatMap((record, index) => (record.type === 'events' ? [{ watch, record, index }] : [])),
  )
  /** At every delivery where the condition holds. */
  const at = (
    spoil: (place: { watch: Watch; record: Delivery; index: number }) => unknown,
    when: (record: Delivery, watch: Watch, next: Mutable<WatchRecord> | undefined) => boolean = () => true,
  ): Spoiling[] =>
    places
      .filter(({ watch, record, index }) => when(record, watch, watch.records[index + 1]))
      .map((place) => () => void spoil(place))
  const isSeveral = ({ events }: Delivery) => events.length > 1
  return {
    filter: at(
      ({ record }) => (record.events[0]!.key = 'zzz'),
      (_, { key }) => key !== '\0',
    ),
    ordered: at(
      ({ watch, record, index }) => watch.records.splice(index, 2, watch.records[index + 1]!, record),
      (_, __, next) => next?.type === 'events',
    ),
    unique: at(({ watch, record, index }) => watch.records.splice(index, 0, structuredClone(record))),
    atomic: [
      ...at(({ record }) => record.events.pop(), isSeveral),
      ...at(({ watch, record, index }) => {
        watch.records.splice(index + 1, 0, { ...record, events: record.events.splice(1) })
      }, isSeveral),
      ...at(({ record }) => record.events.reverse(), isSeveral),
    ],
    bookmarkable: at(({ watch, record, index }) => {
      watch.records.splice(index, 0, { type: 'progress', revision: record.revision, isExact: true })
    }),
    resumable: at(({ watch, record, index }) => {
      const resumed = { type: 'resumed', position: record.revision + 1, endpoint: '' } as const
      watch.records.splice(index, 0, { type: 'disconnected' }, resumed)
    }),
    'is-create': at(
      ({ record }) => Object.assign(record.events[0]!, { version: 1 }),
      ({ events: [event] }) => event?.type === 'put' && event.version > 1,
    ),
    reliable: [
      ...at(
        ({ record }) => Object.assign(record.events[0]!, { value: 'wrong' }),
        ({ events: [event] }) => event?.type === 'put',
      ),
      ...at(({ watch, index }) => watch.records.splice(index, 1)),
    ],
    'prev-kv': [
      ...at(
        ({ record }) => (record.events[0]!.previous!.value = 'wrong'),
        ({ events: [event] }) => event?.previous !== undefined,
      ),
      ...at(
        ({ record }) => delete record.events[0]!.previous,
        ({ events: [event] }) => event?.previous !== undefined,
      ),
    ],
  }
}

const configSpoilings = ({
  configs: [config],
  epochs: [store],
}: Mutable<History>): Record<string, Spoiling[]> => {
  const { records } = config!
  const served = records.filter((record): record is Served => record.type === 'served')
  const changes = served.filter(({ how }) => how === 'change')
  const states = treeStates(new StoreIndex(store!), config!, decode)
  const end = served.at(-1)!
  const isNewestValid = states.at(-1)!.decoded.valid
  return {
    'config-equals-tree': served.map((record) => () => {
      record.value = { ...(record.value as object), port: -1 }
    }),
    'revisions-never-go-back': changes.map((record) => () => {
      record.revision = served[served.indexOf(record) - 1]!.revision - 1
    }),
    'none-withheld': served
      .filter((record) => isNewestValid && record !== end && !isSameData(record.value, end.value))
      .map((record) => () => {
        const last = records.indexOf(record)
        records.splice(last + 1, records.length, { ...record, how: 'end' })
      }),
    'rejected-were-invalid': states
      .filter(({ revision }) => revision > 2 && stateAt(states, revision)!.decoded.valid)
      .map(
        ({ revision }) =>
          () =>
            void records.splice(1, 0, rejected(revision)),
      ),
    'nothing-without-difference': [
      ...changes.map((record) => () => void records.splice(records.indexOf(record), 1)),
      ...changes.map((record) => () => {
        records.splice(records.indexOf(record) + 1, 0, { ...record, previous: record.value })
      }),
      ...changes.map((record) => () => void record.changed!.push(['none'])),
    ],
  }
}
