import type { Admin } from '@livetree/admin'
import type { Environments } from '../compare/read-sides.ts'
import type { Access } from '../security/access.ts'
import type { StoreWatches } from '../store-watches.ts'

/** What a route works with. */
export interface RouteContext extends Omit<StoreWatches, 'close'> {
  readonly admin: Admin<unknown>
  /** What can be compared with. */
  readonly environments: Environments
  readonly access: Access
  readonly isReadOnly: boolean
  /** Whether the user would be let in now, with the same rights. Never rejects. */
  isStillLetIn(): Promise<boolean>
  readonly query: URLSearchParams
  /** The body of a POST. */
  readonly body: unknown
  /** Aborted when the one who asked has gone, and when the console is closed. */
  readonly signal: AbortSignal
}

/** One address of the console's data. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** Below `api/`. */
  readonly path: string
  /** Whether it writes, or is asked for in order to write: a console that is read-only refuses it. */
  readonly isMutating: boolean
  /** Returns what is sent as JSON, or the whole answer. */
  run(context: RouteContext): Promise<object | Response>
}
