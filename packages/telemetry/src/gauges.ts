import type { ConfigStatus, LiveConfig } from '@livetree/core'
import { loadedParts, openConfigs } from '@livetree/core/tools'
import { openClients } from '@livetree/etcd'
import { type GaugeName, type LabelsOf, METRICS } from './metrics.ts'
import { guarded } from './telemetry.ts'

/** One value of a gauge. */
export interface Sample<Name extends GaugeName> {
  readonly labels: LabelsOf<Name>
  readonly value: number
}

/**
 * The values of a gauge, as the configurations and clients that are open are now. Samples with the same labels are combined.
 *
 * @param version of the application
 */
export function readGauge<Name extends GaugeName>(name: Name, version: string): readonly Sample<Name>[] {
  const read: (version: string) => readonly Sample<Name>[] = READERS[name]
  const byLabels = new Map<string, Sample<Name>>()
  for (const sample of read(version)) {
    const key = JSON.stringify(sample.labels)
    const other = byLabels.get(key)
    const value = other === undefined ? sample.value : Math[METRICS[name].combine](sample.value, other.value)
    byLabels.set(key, { labels: sample.labels, value })
  }
  return [...byLabels.values()]
}

const READERS: { readonly [Name in GaugeName]: (version: string) => readonly Sample<Name>[] } = {
  livetree_config_last_reload_successful: ofConfigs(({ rejected }) => (rejected === undefined ? 1 : 0)),
  livetree_config_last_reload_success_timestamp_seconds: ofConfigs(
    ({ acceptedAt }) => acceptedAt && acceptedAt / 1_000,
  ),
  livetree_config_revision: ofConfigs(({ revision }) => revision),
  livetree_store_revision: ofConfigs(storeRevision),
  livetree_config_stale: ofConfigs(({ state }) => (state === 'stale' ? 1 : 0)),
  livetree_config_info: (version) =>
    openConfigs().map((config) => {
      const schema = loadedParts(config)?.definition.fingerprint ?? ''
      return { labels: { config: config.name, schema, version }, value: 1 }
    }),
  livetree_client_endpoint_connected: () =>
    openClients().flatMap(({ clientName: client, endpoints }) => {
      const used = endpoints.filter(({ state }) => state !== 'idle')
      return used.map(({ url: endpoint, state }) => {
        return { labels: { client, endpoint }, value: state === 'connected' ? 1 : 0 }
      })
    }),
  livetree_watch_connected: () =>
    openClients().flatMap(({ clientName: client, watches: { size, waiting } }) => {
      return size === 0 ? [] : [{ labels: { client }, value: waiting === 0 ? 1 : 0 }]
    }),
}

/** A gauge with a value for each open configuration; none where it is undefined. */
function ofConfigs(sampleOf: (status: ConfigStatus, config: LiveConfig<unknown>) => number | undefined) {
  return () =>
    openConfigs().flatMap((config) => {
      const value = guarded(() => sampleOf(config.status, config))
      return value === undefined ? [] : [{ labels: { config: config.name }, value }]
    })
}

/** The revision of the last source that is a store, from which a configuration has its own. */
function storeRevision({ sources }: ConfigStatus, config: LiveConfig<unknown>): number | undefined {
  const given = loadedParts(config)?.sources ?? []
  return sources[given.findLastIndex(({ isRemote }) => isRemote)]?.revision
}
