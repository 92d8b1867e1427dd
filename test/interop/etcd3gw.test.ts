import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { readAptSystem } from '../../scripts/etcd/fetch-from-apt.ts'
import { ownPackages } from '../../scripts/etcd/own-packages.ts'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { eachEtcd } from '../support/each-etcd.ts'

const PYTHON = '/usr/bin/python3'
const SUITE = fileURLToPath(new URL('./python/etcd3gw-suite.py', import.meta.url))
/** The client, and what it and its tests import. */
const PACKAGES = ['etcd3gw', 'futurist', 'pbr', 'six', 'requests', 'urllib3', 'certifi', 'chardet', 'idna']

if (!existsSync(PYTHON) || readAptSystem() === undefined) {
  test("Python's etcd3gw speaks to the JSON gateway", (context) =>
    context.skip('needs Python 3 of a Debian-like system, whose package python3-etcd3gw is fetched'))
} else {
  eachEtcd("the test suite of Python's etcd3gw, through the JSON gateway", (etcd) => {
    let packages: string
    beforeAll(async () => {
      packages = await ownPackages(
        'etcd3gw',
        PACKAGES.map((name) => `python3-${name}`),
      )
    })

    test('passes', async () => {
      const server = await etcd.start()
      const env = { ...process.env, PYTHONPATH: `${packages}/usr/lib/python3/dist-packages` }
      const { code, stdout, stderr } = await runBounded(PYTHON, [SUITE, String(server.port)], {
        timeoutMs: 110_000,
        env,
      })
      expect(code, stderr).toBe(0)
      const results: Record<string, string> = JSON.parse(stdout)
      expect(Object.keys(results).length).toBeGreaterThan(20)
      expect(Object.entries(results).filter(([, result]) => result !== 'ok')).toEqual([])
    })
  })
}
