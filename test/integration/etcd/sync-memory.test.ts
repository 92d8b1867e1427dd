import { expect, test } from 'vitest'
import { oneRealEtcd } from '../../support/each-etcd.ts'
import { isLongRun } from '../../support/run-length.ts'
import { runScript } from '../../support/run-script.ts'

/** Values of a megabyte. */
const LARGE = isLongRun ? 128 : 16
const LARGE_BYTES = 1_000_000
/** A large part of an answer, which holds several values. */
const SLACK_BYTES = (LARGE * LARGE_BYTES) / 4

oneRealEtcd('watch.sync', (etcd) => {
  test('holds what is there, not the answers it came in; after cancel() it holds nothing', async () => {
    const server = await etcd.start()
    const { stdout, stderr } = await runScript("import './etcd/memory-of-sync.ts'", {
      env: { ENDPOINT: server.endpoint, LARGE: String(LARGE) },
      timeoutMs: 150_000,
    })
    expect(stderr).toBe('')
    const bytes = JSON.parse(stdout)
    expect(bytes.listed).toBeGreaterThan((LARGE * LARGE_BYTES) / 2)
    expect(bytes.listedAndRemoved).toBeLessThan(SLACK_BYTES)
    expect(bytes.changedAndRemoved).toBeLessThan(SLACK_BYTES)
    expect(bytes.held).toBeGreaterThan((LARGE * LARGE_BYTES) / 2)
    expect(bytes.cancelled).toBeLessThan(SLACK_BYTES)
  })
})
