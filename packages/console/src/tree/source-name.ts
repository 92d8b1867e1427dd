import type { Origin } from '@livetree/core'

/** The name of a layer for people: the last name of a directory, as of `etcd:/config/checkout/prod`; a default as such. */
export function sourceName({ source, layer }: Pick<Origin, 'source' | 'layer'>): string {
  if (source === 'schema') return 'default'
  const directory = /^etcd:.*\/([^/]+)$/.exec(layer)
  return directory?.[1] ?? layer
}
