import { describe, expect, it } from 'vitest'
import { EtcdError } from '../errors.ts'
import { settled } from './scripted-channel.test.kit.ts'
import { put, setUp } from './watch-recorder.test.kit.ts'

const ALONE = ['http://a:2379']
const TIMING = { progressIntervalMs: 1_000, progressGraceMs: 400, openTimeoutMs: 2_000 }

describe('one answer that takes long', () => {
  it('is not silence, however long its parts take, as long as they come', () => {
    const { watch, created, events, proven, channel, clock } = setUp(TIMING)
    const { told } = watch({ prefix: 'a' })
    created(5)
    proven(5)
    for (let part = 0; part < 200; part += 1) {
      clock.advance(150)
      channel.lastStream.answerPart()
    }
    expect([channel.streams.length, channel.lastStream.isCancelled]).toEqual([1, false])
    events(6, [put('a', 6)])
    expect(told.at(-1)).toBe('6: +a')
    // no part any more, and nobody answers
    clock.advance(5_000)
    expect(channel.streams[0]!.isCancelled).toBe(true)
  })
})

describe('an idle watch beside a large list over the same connection', () => {
  it.each([
    ['that is live', true],
    ['whose create is not answered yet', false],
  ])('%s is not lost while the list comes, and is once nothing comes', (_, isLive) => {
    const { watch, created, proven, channel, clock } = setUp(TIMING)
    const { told } = watch({ prefix: 'a' })
    if (isLive) {
      created(5)
      proven(5)
    }
    const before = [...told]
    const { lastStream } = channel
    for (let part = 0; part < 1_000; part += 1) {
      clock.advance(100)
      lastStream.othersBytes += 2_000
    }
    expect([told, channel.streams.length, lastStream.isCancelled]).toEqual([before, 1, false])
    clock.advance(20_000)
    expect(lastStream.isCancelled).toBe(true)
  })

  it('is lost while no more than a trickle comes', () => {
    const { watch, created, proven, channel, clock } = setUp(TIMING)
    watch({ prefix: 'a' })
    created(5)
    proven(5)
    const { lastStream } = channel
    for (let part = 0; part < 200; part += 1) {
      clock.advance(100)
      lastStream.othersBytes += 300
    }
    expect(lastStream.isCancelled).toBe(true)
  })
})

describe('word of progress', () => {
  it('T1.17 is asked for at the cadence of the client', () => {
    const { watch, created, progress, proven, channel, clock } = setUp(TIMING)
    watch({ prefix: 'a' })
    created(5)
    const { lastStream } = channel
    // To tell what the server is like.
    expect(lastStream.progressRequests).toBe(1)
    proven(5)
    // At once, and once more because the answer to the first could be meant.
    expect(lastStream.progressRequests).toBe(3)
    for (let second = 0; second < 5; second += 1) {
      clock.advance(1_000)
      progress(5)
    }
    expect(lastStream.progressRequests).toBe(8)
    expect(channel.streams.length).toBe(1)
  })

  it('T1.18 an answer to a request from before the watch was there is not believed', () => {
    const { watch, created, events, progress, proven, channel, clock } = setUp(TIMING)
    const a = watch({ prefix: 'a' })
    created(5, 0)
    proven(5)
    clock.advance(1_000)
    const asked = channel.lastStream.progressRequests
    const b = watch({ prefix: 'b' }, { startRevision: 2 })
    created(9, 1)
    // The server wrote this before it had the second watch, which has history to come.
    progress(9)
    expect(a.told.at(-1)).toBe('progress 9')
    expect(b.watcher.position).toBe(2)
    expect(channel.lastStream.progressRequests).toBe(asked + 1)
    events(9, [put('b', 3)], { watchId: 1 })
    progress(9)
    expect(b.watcher.position).toBe(4)
    progress(9)
    expect(b.told).toEqual(['created at 2', '3: +b', 'progress 9'])
  })

  it('T1.18 a server that answers before it has any watch is not believed at once, and never moves a position', () => {
    const { watch, created, events, progress, channel, clock } = setUp({ ...TIMING, progressGraceMs: 1_500 })
    const { watcher, told } = watch({ prefix: 'a' }, { startRevision: 2 })
    progress(9)
    created(9)
    const beat = (revision: number, ms = 1_000) => {
      clock.advance(ms)
      // Asks by a ping first: a sync pass of the server ends before the ping is answered.
      expect(channel.lastStream.creates.at(-1)?.filters).toEqual([0, 1])
      created(revision, 1)
      progress(revision)
    }
    beat(9, 200)
    expect(told).toEqual(['created at 2'])
    events(9, [put('a', 3)])
    beat(9, 900)
    expect(told).toEqual(['created at 2', '3: +a'])
    beat(12)
    expect(told.at(-1)).toBe('progress 9 claimed')
    expect(watcher.position).toBe(4)
    beat(12)
    expect(told.at(-1)).toBe('progress 12 claimed')
    expect(new Set(channel.lastStream.cancels)).toEqual(new Set([1]))
    // Word for this very watch comes in the order of its changes on every version.
    progress(20, 0)
    expect([watcher.position, told.at(-1)]).toEqual([21, 'progress 20'])
  })

  it('tells when the store was asked', () => {
    const { service, created, progress, clock } = setUp(TIMING)
    const at: number[] = []
    service.subscribe({ prefix: 'a' }, { onEvents() {}, onProgress: (word) => at.push(word.at) })
    const start = clock.now()
    created(5)
    clock.advance(200)
    progress(5)
    clock.advance(30)
    progress(5)
    expect(at).toEqual([start + 200])
    progress(5)
    clock.advance(1_000)
    const asked = clock.now()
    clock.advance(120)
    progress(5)
    expect(at.at(-1)).toBeGreaterThan(asked - 250)
    expect(at.at(-1)).toBeLessThanOrEqual(asked)
  })

  it('`reached` asks more often until the revision is there', async () => {
    const { watch, created, progress, channel, clock } = setUp(TIMING)
    const { watcher } = watch({ prefix: 'a' })
    created(5)
    let isReached = false
    void watcher.reached(8).then(() => {
      isReached = true
    })
    await watcher.reached(5)
    const before = channel.lastStream.progressRequests
    // Not before the server had the time to take the watch into step.
    clock.advance(199)
    expect(channel.lastStream.progressRequests).toBe(before)
    clock.advance(200)
    expect(channel.lastStream.progressRequests).toBeGreaterThan(before + 1)
    progress(7)
    progress(7)
    await settled()
    expect(isReached).toBe(false)
    progress(8)
    await settled()
    expect(isReached).toBe(true)
  })

  it('`reached` is settled by changes, by the signal, and by the end', async () => {
    const { watch, service, created, events } = setUp(TIMING)
    const { watcher } = watch({ prefix: 'a' })
    const first = watcher.reached(6)
    created(5)
    events(6, [put('a', 6)])
    await first
    const controller = new AbortController()
    const second = watcher.reached(7, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    await expect(watcher.reached(7, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/)
    const third = watcher.reached(7)
    watcher.cancel()
    await expect(third).rejects.toThrow(/cancelled/)
    await expect(watcher.reached(7)).rejects.toThrow(/cancelled/)
    const { watcher: other } = watch({ prefix: 'b' })
    const fourth = other.reached(7)
    service.close()
    const closed = { status: 'rejected', reason: expect.objectContaining({ code: 'closed' }) }
    expect(await Promise.allSettled([fourth, other.reached(7)])).toEqual([closed, closed])
  })
})

describe('a server that does not answer', () => {
  it('T1.15 a silent stream is cut and resumed elsewhere', () => {
    const { watch, created, channel, clock, lastCreate } = setUp(TIMING)
    const { told } = watch({ prefix: 'a' })
    created(5)
    clock.advance(200)
    clock.advance(200)
    // Half of the grace is over: a last question that any living server answers.
    expect(lastCreate()?.filters).toEqual([0, 1])
    expect(channel.streams.length).toBe(1)
    clock.advance(200)
    expect(channel.streams[0]?.isCancelled).toBe(true)
    expect(told.at(-1)).toBe('disconnected connection_lost')
    clock.advance(10)
    expect(channel.lastStream.avoided).toBe('http://a:2379')
    expect(lastCreate()?.startRevision).toBe(5)
  })

  it.each([
    ['is waited for longer each time while it answers pings', false],
    ['is noticed as soon each time if it answers no pings', true],
  ])('%s', (_, isPeerSilent) => {
    const { watch, created, channel, clock } = setUp(TIMING)
    watch({ prefix: 'a' })
    const times: number[] = []
    for (let round = 0; round < 6; round += 1) {
      created(5)
      const stream = channel.lastStream
      stream.isPeerSilent = isPeerSilent
      let ms = 0
      for (; !stream.isCancelled && ms < 100_000; ms += 20) clock.advance(20)
      times.push(ms)
      while (channel.lastStream === stream) clock.advance(20)
    }
    if (isPeerSilent) expect(new Set(times).size).toBe(1)
    else expect(times.at(-1)).toBeGreaterThan(4 * times[0]!)
  })

  it('T1.15 a server that sends changes and answers pings, but no progress requests, lives', () => {
    const { watch, created, events, channel, clock } = setUp(TIMING)
    watch({ prefix: 'a' })
    created(5)
    let answered = 1
    for (let index = 0; index < 100; index += 1) {
      clock.advance(190)
      events(6 + index, [put('a', 6 + index)])
      if (channel.lastStream.creates.length === answered) continue
      answered += 1
      created(6 + index, 1)
    }
    expect([channel.streams.length, answered > 5]).toEqual([1, true])
  })

  it('T1.15 a server that answers pings but no progress requests lives, for a while', () => {
    const { watch, created, channel, clock } = setUp(TIMING, ALONE)
    const { told } = watch({ prefix: 'a' })
    created(5)
    let answered = 1
    const live = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 100) {
        clock.advance(100)
        if (channel.streams.length > 1 || channel.lastStream.creates.length === answered) continue
        answered += 1
        created(5, 1)
      }
    }
    live(4_000)
    expect([channel.streams.length, answered > 3]).toEqual([1, true])
    // Some versions forget all progress requests after one they could not answer: a new stream starts afresh.
    live(4_000)
    expect(channel.streams.length).toBe(2)
    expect(told.at(-1)).toBe('disconnected connection_lost')
  })

  it('a quick cadence does not shorten the patience with a server that is busy with a slow link', () => {
    const { watch, created, channel, clock } = setUp({
      ...TIMING,
      progressIntervalMs: 20,
      progressGraceMs: 1_000,
    })
    watch({ prefix: 'a' })
    created(5)
    const live = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 400) {
        clock.advance(400)
        // Answers for nobody: the server speaks, but not of progress.
        created(5, 9)
      }
    }
    live(2_000)
    expect(channel.streams.length).toBe(1)
    live(800)
    expect(channel.streams.length).toBe(2)
  })

  it('T1.15 a stream that never says anything is given up after the open timeout, or a quarter of it among others', () => {
    const among = setUp(TIMING)
    among.watch({ prefix: 'a' })
    among.clock.advance(499)
    expect(among.channel.streams.length).toBe(1)
    among.clock.advance(20)
    expect(new Set(among.channel.streams.map(({ endpoint }) => endpoint)).size).toBe(2)
    const { watch, channel, clock } = setUp(TIMING, ALONE)
    const { told } = watch({ prefix: 'a' })
    clock.advance(1_999)
    expect(channel.streams.length).toBe(1)
    clock.advance(20)
    expect(channel.streams.length).toBe(2)
    expect(told).toEqual(['disconnected connection_lost'])
  })

  it('a server that is slow each time gets more time each time', () => {
    const { watch, channel, clock } = setUp({ ...TIMING, openTimeoutMs: 400 }, ALONE)
    watch({ prefix: 'a' })
    const opened: number[] = []
    let now = 0
    for (; opened.length < 5 && now < 60_000; now += 10) {
      clock.advance(10)
      if (channel.streams.length > opened.length + 1) opened.push(now + 10)
    }
    const gaps = opened.map((at, index) => at - (opened[index - 1] ?? 0))
    expect(gaps).toEqual([410, 820, 1640, 3280, 6560])
  })

  it('a step of the clock is no silence', () => {
    const { watch, created, progress, proven, channel, clock } = setUp(TIMING)
    watch({ prefix: 'a' })
    created(5)
    proven(5)
    clock.advance(1_000)
    clock.step(3_600_000)
    progress(5)
    clock.step(-7_200_000)
    clock.advance(900)
    progress(5)
    expect(channel.streams.length).toBe(1)
  })

  it.each([true, false])('a clock that was put back stops no proof, order kept: %s', (isOrderKept) => {
    const { watch, created, progress, channel, clock } = setUp({ ...TIMING, progressGraceMs: 1_500 })
    const { told } = watch({ prefix: 'a' })
    if (!isOrderKept) progress(5)
    created(5)
    clock.step(-3_600_000)
    for (let revision = 6; revision < 12; revision += 1) {
      clock.advance(revision === 6 ? 200 : 1_000)
      if (!isOrderKept) created(revision, 1)
      progress(revision)
      progress(revision)
    }
    expect(channel.lastStream.progressRequests).toBeGreaterThan(4)
    expect(told.at(-1)).toBe(isOrderKept ? 'progress 11' : 'progress 10 claimed')
    expect(channel.streams.length).toBe(1)
  })

  it('T1.16 no leader: resumes on another endpoint', () => {
    const { watch, created, channel, clock } = setUp(TIMING)
    const { told } = watch({ prefix: 'a' })
    created(5)
    channel.lastStream.end(new EtcdError('no_leader'))
    clock.advance(10)
    created(5)
    expect([told.at(-1), channel.lastStream.endpoint]).toEqual(['resumed at 6', 'http://b:2379'])
  })
})

describe('a server that sends but does not receive', () => {
  const isBusyFor = (all: ReturnType<typeof setUp>, ms: number) => {
    const { clock, channel, events } = all
    const [stream] = channel.streams
    for (let passed = 0; passed < ms && stream?.isCancelled === false; passed += 100) {
      clock.advance(100)
      if (!stream.isCancelled) events(6 + passed, [put('a', 6 + passed)])
    }
    return stream?.isCancelled
  }

  it('is left once a ping was not answered, whatever changes come', () => {
    const all = setUp(TIMING)
    const { told } = all.watch({ prefix: 'a' })
    all.created(5)
    all.proven(5)
    // An interval, the grace of the progress request, and that of the ping.
    expect(isBusyFor(all, 1_000 + 400 + 800 + 200)).toBe(true)
    expect(told.at(-1)).toBe('disconnected connection_lost')
  })

  it('is left once a create was not answered, whatever else comes', () => {
    const all = setUp(TIMING)
    all.watch({ prefix: 'a' })
    all.created(5)
    all.proven(5)
    all.watch({ prefix: 'b' })
    expect(isBusyFor(all, 3_000)).toBe(true)
  })

  it('is left once it falls silent while a create is not answered', () => {
    const all = setUp({ ...TIMING, progressGraceMs: 4_000, openTimeoutMs: 4_000 })
    all.watch({ prefix: 'a' })
    all.created(5)
    all.proven(5)
    all.watch({ prefix: 'b' })
    isBusyFor(all, 1_500)
    all.clock.advance(5_100)
    expect(all.channel.streams[0]?.isCancelled).toBe(true)
  })

  it('keeps its stream if the create is answered late', () => {
    const all = setUp(TIMING)
    all.watch({ prefix: 'a' })
    all.created(5)
    all.proven(5)
    all.watch({ prefix: 'b' })
    isBusyFor(all, 700)
    all.created(9, 1)
    for (let round = 0; round < 10; round += 1) {
      expect(isBusyFor(all, 300)).toBe(false)
      all.progress(9)
    }
  })
})
