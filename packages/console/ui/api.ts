import type { ErrorView } from '../src/wire/index.ts'
import type { Opened } from './follow-store.ts'

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

/** The event of the window when another token is there. */
export const NEW_TOKEN = 'livetree-new-token'

const TOKEN_NAME = 'livetree-token'

/**
 * Takes a token out of the address, so that it is neither seen nor copied, and keeps it for this tab.
 *
 * @returns whether there was one
 */
export function takeToken(): boolean {
  const token = /^#token=([\w-]+)$/.exec(location.hash)?.[1]
  if (token === undefined) return false
  sessionStorage.setItem(TOKEN_NAME, token)
  history.replaceState(null, '', `${location.pathname}${location.search}#/tree`)
  return true
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
  if (!response.ok) throw await errorOf(response)
  return (await response.json().catch(() => undefined)) as R
}

function failure(code: string, message: string): ErrorView {
  return { code, message, issues: [], conflicts: [] }
}

/** A failure as it is shown, whatever was thrown. */
export function errorView(error: unknown): ErrorView {
  return error instanceof ApiError ? error.view : failure('internal', String(error))
}

/** Whether the console lets the user in no more: to ask again is of no use before they have done something. */
export function isRefused(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 421].includes(error.status)
}

/** Opens the one stream of the tab. Rejects where the console does not answer. */
export async function openStream(query: string, signal: AbortSignal): Promise<Opened> {
  const response = await fetch(`api/events${query}`, { headers: headersOf(), signal })
  if (response.ok && response.body !== null) return { type: 'stream', body: response.body }
  const error = await errorOf(response)
  if (isRefused(error)) return { type: 'refused', error: error.view }
  throw error
}

async function errorOf(response: Response): Promise<ApiError> {
  const view = (await response.json().catch(() => undefined)) as ErrorView | undefined
  return new ApiError(
    response.status,
    view ?? failure('internal', `The console answered ${response.status}.`),
  )
}
