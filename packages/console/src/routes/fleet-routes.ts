import { convergenceOf } from '../fleet/convergence.ts'
import type { ConvergenceView, FleetView } from '../wire/index.ts'
import { instanceView } from './instance-view.ts'
import type { Route, RouteContext } from './route.ts'

/** The running instances, and how the newest writes got to them. */
export const FLEET_ROUTES: readonly Route[] = [
  { method: 'GET', path: 'fleet', isMutating: false, run: fleet },
  { method: 'GET', path: 'convergence', isMutating: false, run: convergence },
]

async function fleet({ admin, access, signal }: RouteContext): Promise<FleetView> {
  const { revision, instances, unreadable } = await admin.instances({ signal })
  return {
    revision,
    instances: instances.map((record) => instanceView(record, access)),
    unreadable: unreadable.length,
  }
}

async function convergence({ writes, fleet: watched }: RouteContext): Promise<ConvergenceView> {
  return convergenceOf(await writes.writes(), watched.instances, Date.now())
}
