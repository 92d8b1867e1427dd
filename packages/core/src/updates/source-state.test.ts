import { describe, expect, it } from 'vitest'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'
import { SourceState } from './source-state.ts'

function setUp() {
  const clock = createTestClock()
  return { clock, state: new SourceState(createManualSource(), clock) }
}

const replace = (revision: number, epoch = 0) => ({ revision, epoch, layers: [[]] })
const patch = (revision: number, layer = 0) => ({
  revision,
  changes: [{ layer, leaf: { path: 'a', value: '1', revision } }],
})

describe('SourceState', () => {
  it('goes from loading to live to lost and back', () => {
    const { clock, state } = setUp()
    expect(state.status).toMatchObject({ state: 'loading', revision: 0, provenAt: undefined })
    const error = new Error('refused')
    state.takeLoss({ error, isFinal: false })
    expect(state.status).toMatchObject({ state: 'lost', lastError: error })
    expect(state.takeReplace(replace(5))).toBeUndefined()
    expect(state.status).toMatchObject({
      state: 'live',
      revision: 5,
      provenAt: clock.now(),
      lastError: undefined,
    })
    state.takeLoss({ error, isFinal: true })
    expect(state.isLostForGood).toBe(true)
    state.takeProof({ revision: 7, provenAt: clock.now() })
    expect(state.status).toMatchObject({ state: 'live', revision: 7 })
    expect(state.isLostForGood).toBe(false)
  })

  it.each<[string, (state: SourceState) => string | undefined, RegExp]>([
    [
      'a replace at an older revision',
      (state) => state.takeReplace(replace(9, 1)),
      /went back from revision 10 to 9/,
    ],
    [
      'a replace of an older epoch',
      (state) => state.takeReplace(replace(99, 0)),
      /went back from epoch 1 to 0/,
    ],
    [
      'a patch at an older revision',
      (state) => state.takePatch(patch(9)),
      /patch of revision 9 when it stood at 10/,
    ],
    ['a patch at the same revision', (state) => state.takePatch(patch(10)), /patch of revision 10/],
    [
      'a patch of a layer that is not there',
      (state) => state.takePatch(patch(11, 1)),
      /layer 1 and declares 1/,
    ],
    [
      'a replace with too many layers',
      (state) => state.takeReplace({ ...replace(11, 1), layers: [[], []] }),
      /2 layers/,
    ],
  ])('refuses %s and stays where it was', (_what, act, expected) => {
    const { state } = setUp()
    state.takeReplace(replace(10, 1))
    expect(act(state)).toMatch(expected)
    expect(state.status).toMatchObject({ revision: 10, epoch: 1, state: 'live' })
  })

  it('refuses a patch before the first replace', () => {
    expect(setUp().state.takePatch(patch(1))).toMatch(/before its first replace/)
  })

  it('takes the same revision again, a lower one in a new epoch, and an old proof without going back', () => {
    const { clock, state } = setUp()
    state.takeReplace(replace(10))
    expect(state.takeReplace(replace(10))).toBeUndefined()
    state.takeProof({ revision: 4, provenAt: clock.now() - 500 })
    expect(state.status).toMatchObject({ revision: 10, provenAt: clock.now() })
    expect(state.takeReplace(replace(3, 1))).toBeUndefined()
    expect(state.status).toMatchObject({ revision: 3, epoch: 1 })
  })
})
