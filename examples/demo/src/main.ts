import { once } from 'node:events'
import { seed } from './seed.ts'
import { loadShop, type ShopConfig } from './shop-config.ts'
import { startShop } from './shop-service.ts'
import { startStore } from './store.ts'
import {
  changeOneKey,
  changeTwentyKeys,
  healByGoodValue,
  refuseBadValue,
  type Scene,
  type Step,
  surviveWithoutStore,
} from './story.ts'
import { heading, inWords, say, sayMore } from './transcript.ts'

const steps: readonly [title: string, step: Step][] = [
  ['One key changes', changeOneKey],
  ['A value that does not fit', refuseBadValue],
  ['The next good value', healByGoodValue],
  ['A transaction', changeTwentyKeys],
  ['The store goes away and comes back', surviveWithoutStore],
]

if (process.argv.includes('--help')) {
  console.log(`npm run demo [-- --etcd]

Starts an etcd server inside this process and a small Express service, and shows what livetree does when the tree in
etcd changes. On a terminal it stays up afterwards, to be played with; otherwise it ends.
--etcd: run on a real etcd, found on this machine or fetched.`)
} else {
  process.exitCode = (await runDemo()) ? 0 : 1
}

async function runDemo(): Promise<boolean> {
  heading('livetree: a typed, live configuration from etcd')
  const store = await startStore(process.argv.includes('--etcd') ? 'etcd' : 'embedded')
  try {
    say('store', `${store.name} on ${store.endpoint}`)
    await seed(store.endpoint)
    const startedAt = performance.now()
    await using config = await loadShop(store.endpoint)
    say(
      'loaded',
      `"shop" at revision ${config.revision} in ${inWords(performance.now() - startedAt)}`,
      'good',
    )
    for (const path of ['greeting', 'pricing.currency', 'payment.apiKey']) sayMore(whereFrom(config, path))
    const service = await startShop(config)
    try {
      say('service', `Express answers on ${service.url}`)
      const scene = { store, config, url: service.url }
      const isGood = await tell(scene)
      if (process.stdout.isTTY) await stayUp(scene)
      return isGood
    } finally {
      await service.close()
    }
  } finally {
    await store.close()
  }
}

/** `greeting = Hello, from etcd:/config/shop/base, over file:…` */
function whereFrom(config: ShopConfig, path: string): string {
  const { value, layers } = config.explain(path)
  const [top, ...shadowed] = layers.map(({ origin }) => origin.layer.replace(`${process.cwd()}/`, ''))
  return `${path} = ${value}, from ${[top, ...shadowed].join(', over ')}`
}

async function tell(scene: Scene): Promise<boolean> {
  for (const [index, [title, step]] of steps.entries()) {
    heading(`${index + 1}. ${title}`)
    try {
      await step(scene)
      // The clock of `performance` begins with the process.
      if (index === 0)
        say(
          'measured',
          `the first change was in service ${inWords(performance.now())} after the demo was started`,
        )
    } catch (error) {
      say('failed', (error as Error).message, 'bad')
      return false
    }
  }
  heading(`All ${steps.length} steps did what they say.`)
  return true
}

/** Keeps the demo running for interactive use, until Ctrl-C. */
async function stayUp({ store, config, url }: Scene): Promise<void> {
  config.on('change', ({ revision, changes }) => {
    say('swapped', `revision ${revision}`, 'good')
    for (const { pathText, previous, next } of changes) sayMore(`${pathText} ${previous} → ${next}`)
  })
  config.on('rejected', ({ revision, issues }) => {
    say('rejected', `revision ${revision}`, 'refused')
    for (const { pathText, message } of issues) sayMore(`${pathText}: ${message}`)
  })
  config.on('stale', () => say('status', 'stale: the store is silent', 'refused'))
  config.on('live', () => say('status', 'live', 'good'))
  heading('It stays up for you now. In another terminal:')
  const livetree = (line: string) =>
    `npx livetree ${line} --config examples/demo/src/shop-config.ts --endpoints ${store.endpoint}`
  console.log(`
  ${livetree('set pricing.discountPercent 40 --overlay prod')}
  ${livetree('set pricing.currency Gold --overlay prod')}
  ${livetree('set pricing.currency USD --overlay prod')}
  ${livetree('tree')}
  ${livetree('history')}
  curl ${url}

Ctrl-C ends it.
`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
}
