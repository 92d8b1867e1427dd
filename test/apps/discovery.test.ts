import { fileURLToPath } from 'node:url'
import { createEtcdClient } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { oneRealEtcd } from '../support/each-etcd.ts'
import { startProgram } from '../support/running-program.ts'

const folder = fileURLToPath(new URL('../../examples/discovery/', import.meta.url))

oneRealEtcd('examples/discovery', (etcd) => {
  test('no request fails while three instances are replaced under load', async () => {
    const server = await etcd.start()
    const env = { ...process.env, ETCD_ENDPOINTS: server.endpoint }
    const restart = startProgram(process.execPath, ['src/rolling-restart.ts'], {
      cwd: folder,
      env,
      timeoutMs: 100_000,
    })
    expect([await restart.ended(), restart.output.match(/.*failed:[\s\S]{0,2000}/)]).toEqual([0, null])
    const counts = (pattern: RegExp) =>
      new Map(
        [...restart.output.matchAll(pattern)].map(([, instance = '', count]) => [instance, Number(count)]),
      )
    const answers = counts(/^(version \d, process \d+): (\d+) answers$/gm)
    const served = counts(/^(version \d, process \d+): served (\d+) requests and left$/gm)
    // Each of the six took part, and what they served is what the caller received: nothing was lost or sent twice.
    expect([...served.keys()].map((instance) => instance.slice(0, 9))).toEqual([
      ...['version 1', 'version 1', 'version 1'],
      ...['version 2', 'version 2', 'version 2'],
    ])
    expect(Math.min(...served.values())).toBeGreaterThan(0)
    expect(answers).toEqual(served)
    const [, total, failed] = [...restart.output.matchAll(/^(\d+) requests, (\d+) failed$/gm)].at(-1) ?? []
    const sum = [...served.values()].reduce((all, count) => all + count, 0)
    expect([Number(total), Number(failed)]).toEqual([sum, 0])
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    expect((await client.kv.getRange({ prefix: 'services/' })).count).toBe(0)
    expect(await client.lease.list()).toEqual([])
  })
})
