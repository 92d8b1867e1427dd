import { Tail } from '../live/tail.ts'
import { readQueryCount } from './read-input.ts'
import type { Route, RouteContext } from './route.ts'

/** How often a stream says that it is there, and asks whether its user is still let in, in milliseconds. */
const HEARTBEAT_MS = 15_000
/** A stream whose reader is this far behind, in bytes, is ended: a tab that sleeps, or a proxy that reads nothing on. */
const MOST_UNREAD_BYTES = 4 * 2 ** 20

/**
 * Server-sent events, of which a tab has one stream: `revision`, the newest one of the layers; `away` with
 * the time since when the store is away, until there is a `revision` again; and with `live=1`, of which the
 * `id` has the two positions that it goes on from, `live` with what is written and said (`LiveView`), and `trouble`
 * (`TroubleView`) while a part of that cannot be followed. It ends where the store cannot be followed, where the user is let in no
 * more, or with other rights, and where its reader is too far behind; the page asks again.
 */
export const EVENT_ROUTE: Route = { method: 'GET', path: 'events', isMutating: false, run: events }

async function events(context: RouteContext): Promise<Response> {
  const { trees, fleet, query } = context
  const isLive = query.get('live') === '1'
  const positionOf = (name: string) => readQueryCount(query.get(name), name, Number.MAX_SAFE_INTEGER, 0)
  const position = { changesUntil: positionOf('changes'), saidUntil: positionOf('said') }
  const stream = new EventStream(context.signal)
  const source = {
    async start(controller: ReadableStreamDefaultController<Uint8Array>) {
      stream.open(controller, context.isStillLetIn)
      stream.onEnd(fleet.follow())
      const tail = isLive
        ? new Tail({ ...context, signal: stream.signal }, position, {
            onLive(view) {
              stream.send('live', JSON.stringify(view), `${view.changesUntil}-${view.saidUntil}`)
            },
            onTrouble: (view) => stream.send('trouble', JSON.stringify(view)),
          })
        : undefined
      try {
        const leave = await trees.follow({
          onRevision(revision) {
            stream.send('revision', String(revision), isLive ? undefined : String(revision))
            tail?.reach(revision)
          },
          onAway: (since) => stream.send('away', String(since)),
          onEnd: () => stream.end(),
        })
        stream.onEnd(leave)
      } catch {
        stream.send('away', String(Date.now()))
        stream.end()
      }
    },
    cancel: () => stream.end(),
  }
  const body = new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: MOST_UNREAD_BYTES }))
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } })
}

/** A stream of events until either side ends it. */
class EventStream {
  readonly #encoder = new TextEncoder()
  readonly #over = new AbortController()
  /** Aborted at its end. */
  readonly signal: AbortSignal
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #beat: NodeJS.Timeout | undefined

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#over.signal])
    this.signal.addEventListener('abort', () => this.#close(), { once: true })
  }

  open(controller: ReadableStreamDefaultController<Uint8Array>, isStillLetIn: () => Promise<boolean>): void {
    this.#controller = controller
    let isAsking = false
    const beat = async () => {
      this.#write(': here\n\n')
      if (isAsking) return
      isAsking = true
      if (!(await isStillLetIn())) this.end()
      isAsking = false
    }
    this.#beat = setInterval(() => void beat(), HEARTBEAT_MS)
    if (this.signal.aborted) this.#close()
  }

  send(event: string, data: string, id?: string): void {
    this.#write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`)
  }

  end(): void {
    this.#over.abort()
  }

  /** Calls a function at the end, or at once where that is past. */
  onEnd(leave: () => void): void {
    if (this.signal.aborted) leave()
    else this.signal.addEventListener('abort', leave, { once: true })
  }

  #write(text: string): void {
    if (this.signal.aborted) return
    if ((this.#controller?.desiredSize ?? 0) <= 0) this.end()
    else this.#controller?.enqueue(this.#encoder.encode(text))
  }

  #close(): void {
    clearInterval(this.#beat)
    try {
      this.#controller?.close()
    } catch {
      // The reader has gone, which closed it.
    }
  }
}
