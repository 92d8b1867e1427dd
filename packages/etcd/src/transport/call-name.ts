/** `KV/Range` from `/etcdserverpb.KV/Range`. */
export function callName(path: string): string {
  return path.slice(path.indexOf('.') + 1)
}

/** Whether the answers of a call begin with etcd's header, which names the cluster. Others may stand on the channel, too. */
export function hasHeader(path: string): boolean {
  return path.startsWith('/etcdserverpb.')
}
