import { etcdSeries } from './etcd-binaries.ts'
import { getEtcd } from './get-etcd.ts'

const usage = `node scripts/etcd/get.ts [--all] [--version 3.4|current]

Finds etcd in LIVETREE_ETCD, on PATH or in .cache/etcd, fetches it there when it is nowhere, and prints
version, server and client, one etcd a line. --all: every series the tests run on.`

const args = process.argv.slice(2)
if (args.includes('--help')) {
  console.log(usage)
} else {
  const named = args[args.indexOf('--version') + 1]
  const isNamed = args.includes('--version')
  const series = etcdSeries.filter((name) => args.includes('--all') || (isNamed && name === named))
  if (isNamed && series.length === 0) {
    console.error(`--version ${named}: expected ${etcdSeries.join(' or ')}`)
    process.exitCode = 2
  } else {
    await print(series)
  }
}

async function print(series: typeof etcdSeries): Promise<void> {
  for (const version of series.length === 0 ? [undefined] : series) {
    try {
      const { etcd, etcdctl, version: seen } = await getEtcd(version === undefined ? {} : { version })
      console.log(`${seen}\t${etcd}\t${etcdctl}`)
    } catch (error) {
      console.error((error as Error).message)
      process.exitCode = 1
    }
  }
}
