import type { ErrorView, LiveView } from '../src/wire/index.ts'

/** A failure of the console, in words for people. */
export class ApiError extends Error {
  readonly view: ErrorView
  readonly status: number

  constructor(status: number, view: ErrorView) {
    super(view.message)
    this.status = status
    this.view = view
  }
}

const TOKEN_NAME = 'livetree-token'

/** Takes the token out of the address, so that it is neither seen nor copied, and keeps it for this tab. */
export function takeToken(): void {
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1]
  if (token === undefined) return
  sessionStorage.setItem(TOKEN_NAME, token)
  history.replaceState(null, '', `${location.pathname}${location.search}#/tree`)
}

function headersOf(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN_NAME)
  return { ...more, ...(token !== null && { authorization: `Bearer ${token}` }) }
}

/** Reads data. @throws ApiError */
export function get<R>(
  path: string,
  query: Readonly<Record<string, string | number>> = {},
  signal?: AbortSignal,
): Promise<R> {
  const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))
  const search = parameters.size === 0 ? '' : `?${parameters}`
  return request<R>(`api/${path}${search}`, { headers: headersOf(), ...(signal && { signal }) })
}

/** Sends data. @throws ApiError */
export function post<R>(path: string, body: object, signal?: AbortSignal): Promise<R> {
  return request<R>(`api/${path}`, {
    method: 'POST',
    headers: headersOf({ 'content-type': 'application/json' }),
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })
}

async function request<R>(address: string, init: RequestInit): Promise<R> {
  let response: Response
  try {
    response = await fetch(address, init)
  } catch (error) {
    if (init.signal?.aborted === true) throw error
    throw new ApiError(0, failure('away', 'The console does not answer. Is it still running?'))
  }
  const body: unknown = await response.json().catch(() => undefined)
  if (response.ok) return body as R
  const view =
    (body as ErrorView | undefined) ?? failure('internal', `The console answered ${response.status}.`)
  throw new ApiError(response.status, view)
}

function failure(code: string, message: string): ErrorView {
  return { code, message, issues: [], conflicts: [] }
}

/** A failure as it is shown, whatever was thrown. */
export function errorView(error: unknown): ErrorView {
  return error instanceof ApiError ? error.view : failure('internal', String(error))
}

/** How long a stream that ended is left alone before it is opened again, in milliseconds. */
const AGAIN_MS = 1_000
const MOST_AGAIN_MS = 15_000

/** What the stream of the page is about. */
export interface StreamListener {
  onRevision(revision: number): void
  onLive(view: LiveView): void
  onTrouble(error: ErrorView): void
  /** Whether the stream is there. */
  onState(isConnected: boolean): void
  /** Where the tail goes on; undefined: no tail is wanted. Asked whenever the stream is opened. */
  position(): { readonly changes: number; readonly said: number } | undefined
}

/** Follows the store for as long as the signal lets it: a stream that ends is opened again, where it was. */
export async function followStore(listener: StreamListener, signal: AbortSignal): Promise<void> {
  let waitMs = AGAIN_MS
  while (!signal.aborted) {
    try {
      const position = listener.position()
      const query = position && `?live=1&changes=${position.changes}&said=${position.said}`
      const response = await fetch(`api/events${query ?? ''}`, { headers: headersOf(), signal })
      if (!response.ok || response.body === null) throw new Error(String(response.status))
      listener.onState(true)
      waitMs = AGAIN_MS
      await readEvents(response.body, listener)
    } catch {
      // Opened again below.
    }
    if (signal.aborted) return
    listener.onState(false)
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    waitMs = Math.min(MOST_AGAIN_MS, waitMs * 2)
  }
}

async function readEvents(body: ReadableStream<Uint8Array>, listener: StreamListener): Promise<void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) takeEvent(block, listener)
  }
}

function takeEvent(block: string, listener: StreamListener): void {
  const event = /^event: (\w+)$/m.exec(block)?.[1]
  const data = /^data: (.+)$/m.exec(block)?.[1]
  if (event === undefined || data === undefined) return
  if (event === 'revision') listener.onRevision(Number(data))
  if (event === 'live') listener.onLive(JSON.parse(data) as LiveView)
  if (event === 'trouble') listener.onTrouble(JSON.parse(data) as ErrorView)
}
