import type { InstanceRecord } from '@livetree/admin'
import type { FleetView, InstanceView } from '../wire/index.ts'
import { seenIssues } from './answer-views.ts'
import type { Route, RouteContext } from './route.ts'

/** The running instances. */
export const FLEET_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'fleet', isMutating: false, run: fleet },
]

async function fleet({ admin, access, signal }: RouteContext): Promise<FleetView> {
  const { revision, instances, unreadable } = await admin.instances({ signal })
  const viewOf = (record: InstanceRecord): InstanceView => {
    const { name, id, host, pid, schema, startedAt, at, verdict, applied, state, servedFrom } = record
    return {
      ...{ name, id, host, pid, schema, startedAt, at, verdict, applied, state, servedFrom },
      judged: record.revision,
      appVersion: record.appVersion ?? '',
      labels: Object.entries(record.labels ?? {}).map(([label, text]) => `${label}=${text}`),
      ...seenIssues(record, access),
    }
  }
  return { revision, instances: instances.map(viewOf), unreadable: unreadable.length }
}
