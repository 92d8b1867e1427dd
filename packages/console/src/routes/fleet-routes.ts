import type { FleetView } from '../wire/index.ts'
import { instanceView } from './instance-view.ts'
import type { Route, RouteContext } from './route.ts'

/** The running instances. */
export const FLEET_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'fleet', isMutating: false, run: fleet },
]

async function fleet({ admin, access, signal }: RouteContext): Promise<FleetView> {
  const { revision, instances, unreadable } = await admin.instances({ signal })
  return {
    revision,
    instances: instances.map((record) => instanceView(record, access)),
    unreadable: unreadable.length,
  }
}
