import type { Route, RouteContext } from './route.ts'

/** How often a stream says that it is there, in milliseconds. */
const HEARTBEAT_MS = 15_000

/**
 * The revisions of the layers as server-sent events, from the newest one on: `id` is the revision. It ends where the store cannot be
 * followed, and the page asks again. What happened since the last event that it got, it reads from the history.
 */
export const EVENT_ROUTE: Route = { method: 'GET', path: 'events', isMutating: false, run: events }

async function events({ trees, signal }: RouteContext): Promise<Response> {
  const encoder = new TextEncoder()
  let end = () => {}
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text))
      let leave = () => {}
      const beat = setInterval(() => send(': here\n\n'), HEARTBEAT_MS)
      let isOver = false
      end = () => {
        if (isOver) return
        isOver = true
        clearInterval(beat)
        signal.removeEventListener('abort', end)
        leave()
        try {
          controller.close()
        } catch {
          // The reader has gone, which closed it.
        }
      }
      signal.addEventListener('abort', end, { once: true })
      try {
        const left = await trees.follow({
          onRevision: (revision) =>
            void (isOver || send(`id: ${revision}\nevent: revision\ndata: ${revision}\n\n`)),
          onEnd: () => end(),
        })
        leave = left
        if (isOver) left()
      } catch {
        end()
      }
    },
    cancel: () => end(),
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } })
}
