import { setTimeout as sleep } from 'node:timers/promises'

/** The response of `GET /`. */
export interface ShopAnswer {
  readonly revision: number
  readonly greeting: string
  readonly price: string
  readonly articlesInStock: number
}

/** Sends one request to the shop. @throws Error if it does not respond with status 200 within 2 s */
export async function ask(url: string): Promise<ShopAnswer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}`)
  return (await response.json()) as ShopAnswer
}

/** What a client that sends requests continuously has received. */
export interface Visit {
  readonly answers: readonly ShopAnswer[]
  readonly failures: readonly string[]
}

/** A client that sends requests to the shop until it is stopped. */
export interface Visitor extends AsyncDisposable {
  /** Answers so far. */
  readonly count: number
  stop(): Promise<Visit>
}

/** Sends about 100 requests per second to the shop. */
export function startVisiting(url: string): Visitor {
  const answers: ShopAnswer[] = []
  const failures: string[] = []
  let isOver = false
  const visiting = (async () => {
    while (!isOver) {
      await ask(url).then(
        (answer) => answers.push(answer),
        (error: Error) => failures.push(error.message),
      )
      await sleep(10)
    }
  })()
  const stop = async () => {
    isOver = true
    await visiting
    return { answers, failures }
  }
  return {
    get count() {
      return answers.length
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
    },
  }
}
