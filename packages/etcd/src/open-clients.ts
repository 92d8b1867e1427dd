import type { EndpointState } from './diagnostics.ts'

/** What a client that is open says of itself, for packages that observe it. */
export interface ClientState {
  /** The client's `clientName`. */
  readonly clientName: string
  /** The endpoints in use, by their URL. */
  readonly endpoints: readonly { readonly url: string; readonly state: EndpointState }[]
  /** Number of watches, and how many of them no server serves now. */
  readonly watches: { readonly size: number; readonly waiting: number }
}

/** Registered, so that it is the same in two copies of this package. */
const OPEN = Symbol.for('livetree.etcd.open-clients')

type Registry = Set<WeakRef<ClientState>>

/** The clients of this process that are not closed, in the order of their creation. */
export function openClients(): readonly ClientState[] {
  return [...registry()].flatMap((each) => each.deref() ?? [])
}

/** Notes an open client, which it does not keep alive. Returns a function that takes it out. */
export function noteOpenClient(client: ClientState): () => void {
  const open = registry()
  for (const each of open) if (each.deref() === undefined) open.delete(each)
  const noted = new WeakRef(client)
  open.add(noted)
  return () => void open.delete(noted)
}

function registry(): Registry {
  const holder = globalThis as { [OPEN]?: Registry }
  holder[OPEN] ??= new Set()
  return holder[OPEN]
}
