import type { EtcdClient } from '../client.ts'

/** Watches the prefix `a`, and lists what the watch reports: `created`, `changed 6`, `disconnected`, `resumed`, `end closed`. */
export function watchReports(client: EtcdClient): string[] {
  const reports: string[] = []
  client.watch.subscribe(
    { prefix: 'a' },
    {
      onEvents: ({ revision }) => reports.push(`changed ${revision}`),
      onCreated: () => reports.push('created'),
      onDisconnected: () => reports.push('disconnected'),
      onResumed: () => reports.push('resumed'),
      onEnd: (error) => reports.push(`end ${error?.code}`),
    },
  )
  return reports
}
