import { waitFor } from '../../support/wait-for.ts'
import type { Scenario } from './scenario.ts'

const quotaBytes = 16 * 1024 * 1024
const valueBytes = 512 * 1024

/** The store runs full: writes are refused, reads and watches go on. Then room is made. */
export const noSpace: Scenario = {
  name: 'no-space',
  about:
    'the store runs out of space (NOSPACE), then it is compacted and defragmented and the alarm is disarmed',
  settings: { args: [`--quota-backend-bytes=${quotaBytes}`] },
  async run({ members, routes, witness, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(1, 3); round += 1) {
      await waitFor(
        async () => {
          const { outcome } = await writers.write((unique) => [
            {
              type: 'put',
              key: `/fill/${random.between(0, 3)}`,
              value: unique.text().padEnd(valueBytes, '.'),
            },
          ])
          return 'code' in outcome && outcome.code === 'no_space'
        },
        { timeoutMs: 60_000, what: 'the store to be full' },
      )
      // who has to come back now finds a store that takes no writes, and must not need one
      random.pick(routes).cutAll()
      await last(500, scaled(1_000, 5_000))
      await witness.compact()
      for (const member of members) await member.etcdctl(['defrag', '--command-timeout=20s'])
      await members[0]!.etcdctl(['alarm', 'disarm'])
      await writers.written(random.between(10, 50))
    }
  },
}
