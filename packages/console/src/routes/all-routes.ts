import { CHANGE_ROUTES } from './change-routes.ts'
import { COMPARE_ROUTES } from './compare-routes.ts'
import { EVENT_ROUTE } from './event-route.ts'
import { FLEET_ROUTES } from './fleet-routes.ts'
import { HISTORY_ROUTES } from './history-routes.ts'
import type { Route } from './route.ts'
import { TREE_ROUTES } from './tree-routes.ts'

/** Every address of the console's data. Each is guarded alike: host, origin, who asks, read-only, JSON. */
export const ALL_ROUTES: readonly Route[] = [
  ...TREE_ROUTES,
  ...CHANGE_ROUTES,
  ...HISTORY_ROUTES,
  ...COMPARE_ROUTES,
  ...FLEET_ROUTES,
  EVENT_ROUTE,
]
