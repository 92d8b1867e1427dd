import type { Scenario } from './scenario.ts'

/** Connections break again and again, at any byte. */
export const cutAgainAndAgain: Scenario = {
  name: 'cut-again-and-again',
  about: 'connections of consumers are reset again and again, some at an exact byte of a response',
  async run({ routes, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(10, 60); round += 1) {
      const route = random.pick(routes)
      if (random.chance(0.5)) route.cutAll()
      else void random.pick(route.proxies).cutAfter(random.between(1, 5_000))
      await last(0, 600)
      if (random.chance(0.3)) await writers.written(random.between(1, 20))
    }
  },
}

/** Answers arrive in the smallest pieces there are. */
export const oneByteChunks: Scenario = {
  name: 'one-byte-chunks',
  about: 'everything arrives in chunks of one or a few bytes, and connections are cut in between',
  settings: { pauseMs: 100 },
  async run({ routes, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(2, 8); round += 1) {
      for (const proxy of routes.flatMap((route) => route.proxies)) {
        proxy.rechunk(random.pick([1, 1, 2, 7]), 'toClient')
        if (random.chance(0.3)) proxy.rechunk(1, 'toServer')
      }
      await writers.written(random.between(10, 30))
      if (random.chance(0.6)) random.pick(routes).cutAll()
      await last(500, 1_500)
      for (const route of routes) await route.heal()
      await writers.written(10)
    }
  },
}

/** Answers to writes are lost: the writer cannot know what became of them. */
export const lostReplies: Scenario = {
  name: 'lost-replies',
  about: 'writes reach the members, their responses are dropped, then the connections are cut',
  settings: { writersRoute: true },
  async run({ routes, writersRoute, writers, last, scaled }, random) {
    const isUnknown = () => writers.log.some(({ outcome }) => outcome.type === 'unknown')
    for (let round = 0; round < scaled(6, 30) || !isUnknown(); round += 1) {
      if (round > 200) throw new Error('no write had an unknown outcome, so nothing was lost')
      const lossy = random.chance(0.5) ? writersRoute!.proxies : [random.pick(writersRoute!.proxies)]
      for (const proxy of lossy) proxy.dropReplies()
      await last(50, 400)
      for (const proxy of lossy) {
        proxy.cutAll()
        proxy.heal()
      }
      if (random.chance(0.2)) random.pick(routes).cutAll()
      await writers.written(random.between(1, 30))
    }
  },
}

/** The network is slow, differently in each direction and on each way. */
export const slowNetwork: Scenario = {
  name: 'slow-network',
  about: 'bytes are delayed for up to 400 ms, and now and then indefinitely, in one direction only',
  async run({ routes, writers, last, scaled }, random) {
    const directions = ['toServer', 'toClient'] as const
    for (let round = 0; round < scaled(3, 12); round += 1) {
      for (const proxy of routes.flatMap((route) => route.proxies)) {
        proxy.delay(random.between(0, 400), random.pick(directions))
        if (random.chance(0.3)) proxy.stall(random.pick(directions))
      }
      await last(500, scaled(2_000, 6_000))
      for (const route of routes) await route.heal()
      await writers.written(20)
    }
  },
}
