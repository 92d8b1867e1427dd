import type { Mutation } from './mutation.ts'

const fleet = 'packages/livetree/src/fleet'
const proposals = 'test/integration/livetree/fleet-proposals.test.ts'
const preflight = 'test/integration/admin/preflight.test.ts'

/** For each promise of the fleet at least one fault in the code that keeps it. */
export const fleetMutations: readonly Mutation[] = [
  {
    name: 'Fleet: any number of proposals waits',
    file: `${fleet}/proposal-queue.ts`,
    find: 'if (this.#waiting.size >= MOST_WAITING || length > MOST_WAITING_TEXT) return false',
    replace: '',
    test: `${fleet}/proposal-queue.test.ts`,
  },
  {
    name: 'Fleet: reports on a configuration are part of it',
    file: `${fleet}/join-fleet.ts`,
    find: 'if (layer === undefined) return',
    replace: 'if (layer !== null) return',
    test: 'test/integration/livetree/fleet-faults.test.ts',
  },
  {
    name: 'Fleet: a flood of proposals is judged without rest',
    file: `${fleet}/proposal-judge.ts`,
    find: 'restMs + randomly(this.#host?.spreadMs ?? 0),',
    replace: '0 * restMs,',
    test: proposals,
  },
  {
    name: 'Fleet: a proposal in two layers is answered by each part',
    file: `${fleet}/proposal-judge.ts`,
    find: 'if (layers[0] !== waiting.layer) return',
    replace: '',
    test: proposals,
  },
  {
    name: 'Fleet: a proposal is judged before the instance is where it was planned',
    file: `${fleet}/proposal-judge.ts`,
    find: 'if (this.#revision >= wanted) return this.#revision',
    replace: 'return this.#revision',
    test: proposals,
  },
  {
    name: 'Fleet: what is no proposal is answered',
    file: `${fleet}/proposal-judge.ts`,
    find: "if (read.type === 'unreadable') return",
    replace:
      "if (read.type === 'unreadable') return this.#write(waiting, { verdict: 'unjudged', revision: 0, reason: 'failed' })",
    test: proposals,
  },
  {
    name: 'Fleet: what is wrong with a hidden secret counts',
    file: `${fleet}/judge-proposal.ts`,
    find: 'hidden.length === 0 || isCertain(issue, hidden)',
    replace: 'issue !== undefined',
    test: proposals,
  },
  {
    name: 'Fleet: everything may be removed by a proposal',
    file: `${fleet}/judge-proposal.ts`,
    find: '.filter(({ proposal }) => proposal.allowsRemoval === true)',
    replace: '',
    test: proposals,
  },
  {
    name: 'Fleet: verdicts whose reader is gone stay',
    file: `${fleet}/given-verdicts.ts`,
    find: 'if (isThere) await',
    replace: 'if (!isThere) await',
    test: proposals,
  },
  {
    name: 'Fleet: a proposal holds secrets',
    file: 'packages/admin/src/fleet/put-proposal.ts',
    find: '(hidden.has(key) ?',
    replace: '(hidden.size < 0 ?',
    test: preflight,
  },
  {
    name: 'Fleet: verdicts stay in the store',
    file: 'packages/admin/src/fleet/preflight.ts',
    find: 'await takeBack(workspace, proposal)',
    replace: 'void takeBack',
    test: preflight,
  },
  {
    name: 'Fleet: a revision that is rejected counts as applied',
    file: 'packages/admin/src/fleet/convergence.ts',
    find: 'if (isThere)',
    replace: 'if (instance.revision >= revision)',
    test: preflight,
  },
  {
    name: 'Fleet: who leaves is waited for',
    file: 'packages/admin/src/fleet/preflight.ts',
    find: "only: 'deletes',",
    replace: "only: 'puts' as never,",
    test: preflight,
  },
  {
    name: 'Fleet: a proposal with keys of another layer is judged',
    file: `${fleet}/proposal.ts`,
    find: "if (!optionKinds.isObject(change) || !isText(change['key']) || !isKeyOf(change['key'], layer)) return false",
    replace: "if (!optionKinds.isObject(change) || !isText(change['key'])) return false",
    test: `${fleet}/proposal.test.ts`,
  },
]
