import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { waitFor } from '../../support/wait-for.ts'
import { Random } from '../model/random.ts'
import { Acknowledged } from './acknowledged.ts'
import { ServerProcess } from './server-process.ts'

/** `LIVETREE_KILLS=200` makes it long, `LIVETREE_KILL_SEED` repeats its choices. */
const kills = Number(process.env.LIVETREE_KILLS ?? 20)
const seed = Number(process.env.LIVETREE_KILL_SEED ?? Date.now() % 1_000_000)

test(`embedded in a file: ${kills} × kill -9 under load lose no acknowledged write and leave none in half (seed ${seed})`, {
  timeout: 60_000 + kills * 5000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-kill-'))
  const random = new Random(seed)
  const acknowledged = new Acknowledged(random)
  const start = () => ServerProcess.start([`--data=${join(folder, 'etcd.db')}`])
  let server = await start()
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      const { writes } = acknowledged
      const writing = acknowledged.write(server.endpoint)
      // Any moment will do, also the first: what is under way differs each time. Most come while writes are acknowledged.
      if (kill % 4 !== 0) await waitFor(() => acknowledged.writes > writes, { what: 'an acknowledged write' })
      await sleep(random.int(0, 150))
      await server.end('SIGKILL')
      await writing
      server = await start()
      expect(await acknowledged.check(server.endpoint), `after kill ${kill}`).toEqual([])
    }
    expect(acknowledged.writes).toBeGreaterThanOrEqual(kills - Math.floor(kills / 4))
    console.log(`${kills} kills, ${acknowledged.writes} acknowledged writes, none lost`)
  } finally {
    await server.end('SIGTERM')
    rmSync(folder, { recursive: true })
  }
})
