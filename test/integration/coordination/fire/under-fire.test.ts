import { expect, it } from 'vitest'
import { oneEtcd } from '../../../support/each-etcd.ts'
import { isLongFire, wantedHolds } from '../../../support/fire-length.ts'
import { burn, type BurnOptions } from './burn.ts'
import { checkHistory } from './check-history.ts'

const SHORT: BurnOptions = { processes: 3, tasks: 10, rounds: 1, holdsPerRound: 0, restMs: 100 }
const LONG: BurnOptions = { processes: 5, tasks: 10, rounds: 10, holdsPerRound: 1_000, restMs: 0 }
const TIMEOUT_MS = isLongFire ? 24 * 3_600_000 : 240_000

oneEtcd('locks, elections, semaphores and queues under fire', (etcd) => {
  it('have no two holders, lose no entry, starve nobody, and leave nothing behind', {
    timeout: TIMEOUT_MS,
  }, async () => {
    let holds = 0
    do {
      const burnt = await burn(etcd, isLongFire ? LONG : SHORT)
      expect(checkHistory(burnt)).toEqual([])
      expect(burnt.left).toEqual([])
      holds += burnt.holds
      if (isLongFire) console.log(`${etcd.kind}: ${holds} of ${wantedHolds} holds, no violation`)
    } while (isLongFire && holds < wantedHolds)
  })

  it.runIf(isLongFire)(
    'are found out when contenders write without the guard, or do not care for the loss',
    { timeout: TIMEOUT_MS * 2 },
    async () => {
      const unguarded = await burn(etcd, { ...SHORT, fault: 'unguarded' })
      expect(checkHistory(unguarded).join('\n')).toMatch(/wrote while/)
      const ignorant = await burn(etcd, { ...SHORT, fault: 'ignores-loss' })
      expect(checkHistory(ignorant).join('\n')).toMatch(/relied on/)
    },
  )
})
