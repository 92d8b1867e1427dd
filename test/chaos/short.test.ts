import { expect, it } from 'vitest'
import { eachRealEtcd } from '../support/each-etcd.ts'
import { withoutOpenHandles } from '../support/open-handles.ts'
import { runScenario } from './run-scenario.ts'
import { compactionWhileAway, restoredFromSnapshot } from './scenarios/history-gone.ts'
import { blackholedMember, cutOffHost } from './scenarios/leadership.ts'
import { allDown, killInTurn } from './scenarios/members-end.ts'
import { cutAgainAndAgain, lostReplies, oneByteChunks } from './scenarios/network.ts'
import { noSpace } from './scenarios/no-space.ts'
import { expiringTokens } from './scenarios/who-may.ts'
import { describeViolations } from './validators/validate.ts'

withoutOpenHandles()

/** What finds most in the shortest time; `npm run chaos` has all of it. */
const shortSets = {
  current: [
    killInTurn,
    blackholedMember,
    cutOffHost,
    allDown,
    compactionWhileAway,
    restoredFromSnapshot,
    lostReplies,
    oneByteChunks,
    expiringTokens,
    noSpace,
  ],
  '3.4': [cutAgainAndAgain],
}

const seed = 20_261

eachRealEtcd('chaos', ({ kind }) => {
  it.for(shortSets[kind])(
    `$name: all are given what they have to be (seed ${seed})`,
    async (scenario, { skip }) => {
      const why = scenario.whyNot?.()
      if (why !== undefined) skip(why)
      const { result } = await runScenario(scenario, { seed, version: kind, isShort: true })
      expect(describeViolations(result.violations)).toBe('')
      expect(result.consumers).toBeGreaterThanOrEqual(50)
      expect(result.reconnects).toBeGreaterThan(0)
    },
  )
})
