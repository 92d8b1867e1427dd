import { type EtcdClient, op } from '@livetree/etcd'

const leavesPerTxn = 100
const txnsUnderWay = 8

/** Writes leaves below a root, many at a time; they all are there when it resolves. */
export async function fillTree(
  client: EtcdClient,
  root: string,
  leaves: readonly (readonly [path: string, text: string])[],
): Promise<void> {
  let next = 0
  const write = async () => {
    while (next < leaves.length) {
      const some = leaves.slice(next, next + leavesPerTxn)
      next += leavesPerTxn
      await client.kv
        .txn()
        .then(...some.map(([path, text]) => op.put(`${root}/${path}`, text)))
        .commit()
    }
  }
  await Promise.all(Array.from({ length: txnsUnderWay }, write))
}
