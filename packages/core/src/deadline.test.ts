import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { LivetreeError } from './errors.ts'
import { createTestClock } from './testing/test-clock.ts'
import { withDeadline } from './deadline.ts'

function setUp() {
  const clock = createTestClock()
  const abort = new AbortController()
  const options = { clock, timeoutMs: 100, signals: [undefined, abort.signal], what: 'Waiting' }
  const expectNothingLeft = () => {
    expect(clock.pendingTimers).toBe(0)
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
  }
  return { clock, abort, options, expectNothingLeft }
}

const never = () => new Promise<never>(() => {})

describe('withDeadline', () => {
  it('gives what the work gives, or throws what it throws, and leaves nothing', async () => {
    const { options, expectNothingLeft } = setUp()
    expect(await withDeadline(async () => 7, options)).toBe(7)
    expectNothingLeft()
    await expect(withDeadline(() => Promise.reject(new Error('own')), options)).rejects.toThrow('own')
    expectNothingLeft()
  })

  it('rejects with timeout, fires the signal of the work, and leaves nothing', async () => {
    const { clock, options, expectNothingLeft } = setUp()
    let given: AbortSignal | undefined
    const failed = expect(
      withDeadline((signal) => {
        given = signal
        return never()
      }, options),
    ).rejects.toMatchObject({ code: 'timeout', message: '[timeout] Waiting took longer than 100 ms.' })
    await clock.advance(100)
    await failed
    expect(given?.aborted).toBe(true)
    expectNothingLeft()
  })

  it('rejects with aborted and the reason, also when the signal has fired before', async () => {
    const { abort, options, expectNothingLeft } = setUp()
    const failed = expect(withDeadline(never, options)).rejects.toMatchObject({
      code: 'aborted',
      cause: 'enough',
    })
    abort.abort('enough')
    await failed
    expectNothingLeft()
    let hasStarted = false
    const work = async () => {
      hasStarted = true
    }
    await expect(withDeadline(work, options)).rejects.toMatchObject({ code: 'aborted' })
    expect(hasStarted).toBe(false)
    expectNothingLeft()
  })

  it('hands on a LivetreeError that is the reason', async () => {
    const { abort, options } = setUp()
    const closed = new LivetreeError('closed', 'It is closed.')
    const failed = expect(withDeadline(never, options)).rejects.toBe(closed)
    abort.abort(closed)
    await failed
  })

  it('sets no timer without a limit', async () => {
    const { clock, options, abort } = setUp()
    for (const timeoutMs of [undefined, Number.POSITIVE_INFINITY]) {
      void withDeadline(never, { ...options, timeoutMs }).catch(() => {})
    }
    expect(clock.pendingTimers).toBe(0)
    abort.abort()
  })
})
