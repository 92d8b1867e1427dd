import { once } from 'node:events'

/** What the services of this example need of a configuration. */
interface Followed<T> {
  readonly current: T
  readonly revision: number
  on(event: 'change', listener: () => void): () => void
}

/** Prints what a service would use, now and after each change, until its standard input ends. */
export async function follow<T>(name: string, config: Followed<T>, inWords: (value: T) => string) {
  const say = () => console.log(`${name}: ${inWords(config.current)} (revision ${config.revision})`)
  say()
  config.on('change', say)
  await once(process.stdin.resume(), 'end')
}
