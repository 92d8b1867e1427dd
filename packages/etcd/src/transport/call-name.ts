/** Returns `KV/Range` for `/etcdserverpb.KV/Range`. */
export function callName(path: string): string {
  return path.slice(path.indexOf('.') + 1)
}

/**
 * True if responses start with etcd's header, which names the cluster. Other services may use the channel,
 * too.
 */
export function hasHeader(path: string): boolean {
  return path.startsWith('/etcdserverpb.')
}
