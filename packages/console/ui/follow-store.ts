import type { ErrorView, LiveView, TroubleView } from '../src/wire/index.ts'
import { backOffMs } from './back-off.ts'

/** How the page stands with the store. */
export type Connection =
  | { readonly type: 'opening' }
  | { readonly type: 'live' }
  /** Without the console, or the console without the store, since a time in ms since the Unix epoch. It is tried again. */
  | { readonly type: 'away'; readonly since: number; readonly of: 'console' | 'store' }
  /** The console lets the user in no more. It is not asked again by itself. */
  | { readonly type: 'refused'; readonly error: ErrorView }

/** What the stream of the page is about. */
export interface StreamListener {
  onRevision(revision: number): void
  onLive(view: LiveView): void
  onTrouble(view: TroubleView): void
  onConnection(connection: Connection): void
  /** Where the tail goes on; undefined: no tail is wanted. Asked whenever the stream is opened. */
  position(): { readonly changes: number; readonly said: number } | undefined
}

/** What an attempt to open the stream has come to. */
export type Opened =
  | { readonly type: 'stream'; readonly body: ReadableStream<Uint8Array> }
  | { readonly type: 'refused'; readonly error: ErrorView }

/** Follows the store until the signal is aborted or the console refuses the user: a stream that ends is opened again, where it was. */
export class StoreFollower {
  readonly #listener: StreamListener
  readonly #open: (query: string) => Promise<Opened>
  #connection: Connection = { type: 'opening' }
  #failures = 0

  /** @param open opens the stream; rejects where the console does not answer */
  constructor(listener: StreamListener, open: (query: string) => Promise<Opened>) {
    this.#listener = listener
    this.#open = open
  }

  /** Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const opened = await this.#attempt()
      if (signal.aborted) return
      if (opened?.type === 'refused') return this.#become(opened)
      this.#away('console', Date.now())
      this.#failures++
      await new Promise((resolve) => setTimeout(resolve, backOffMs(this.#failures)))
    }
  }

  async #attempt(): Promise<Opened | undefined> {
    try {
      const position = this.#listener.position()
      const opened = await this.#open(
        position === undefined ? '' : `?live=1&changes=${position.changes}&said=${position.said}`,
      )
      if (opened.type === 'stream') await this.#read(opened.body)
      return opened
    } catch {
      return undefined
    }
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader()
    const decoder = new TextDecoder()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block)
    }
  }

  #take(block: string): void {
    const event = /^event: (\w+)$/m.exec(block)?.[1]
    const data = /^data: (.+)$/m.exec(block)?.[1]
    if (event === undefined || data === undefined) return
    if (event === 'away') this.#away('store', Number(data))
    if (event === 'live') this.#listener.onLive(JSON.parse(data) as LiveView)
    if (event === 'trouble') this.#listener.onTrouble(JSON.parse(data) as TroubleView)
    if (event !== 'revision') return
    // The store itself has been heard of: only now is the page connected.
    this.#failures = 0
    this.#listener.onRevision(Number(data))
    if (this.#connection.type !== 'live') this.#become({ type: 'live' })
  }

  /** What was away before is away since then. */
  #away(of: 'console' | 'store', since: number): void {
    const { type } = this.#connection
    if (type === 'away') return
    this.#become({ type: 'away', since, of })
  }

  #become(connection: Connection): void {
    this.#connection = connection
    this.#listener.onConnection(connection)
  }
}
