import type { ErrorView, RowsQuery, RowsView, RowView, WirePath } from '../../src/wire/index.ts'
import { errorView, isRefused, post } from '../api.ts'
import { backOffMs } from '../back-off.ts'

/** Lines in one request. */
const PAGE = 200

/** What a tree shows, apart from where it is scrolled to. */
export interface Outline {
  readonly search: string
  readonly toggled: readonly WirePath[]
  readonly isOpen: boolean | undefined
}

/** The lines of the tree, of which only those are loaded that are looked at. What was loaded stays until there is newer. */
export class RowStore {
  readonly #onChange: () => void
  readonly #ask: (query: RowsQuery, signal: AbortSignal) => Promise<RowsView>
  #outline: Outline = { search: '', toggled: [], isOpen: undefined }
  #pages = new Map<number, readonly RowView[]>()
  #asked = new Set<number>()
  #stop = new AbortController()
  #isFresh = false
  #newest = 0
  #failures = 0
  /** Pages that could not be loaded. They are asked for again when the timer ends. */
  readonly #failed = new Set<number>()
  #retry: ReturnType<typeof setTimeout> | undefined
  about: Omit<RowsView, 'rows' | 'offset'> | undefined
  error: ErrorView | undefined

  constructor(
    onChange: () => void,
    ask: (query: RowsQuery, signal: AbortSignal) => Promise<RowsView> = (query, signal) =>
      post('tree', query, signal),
  ) {
    this.#onChange = onChange
    this.#ask = ask
  }

  /** Shows another outline, or the same one of a newer revision. */
  reset(outline: Outline): void {
    this.#stop.abort()
    this.#stop = new AbortController()
    this.#forgetFailed()
    this.#outline = outline
    this.#asked = new Set()
    this.#isFresh = false
    this.#newest++
  }

  row(index: number): RowView | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE]
  }

  /** Loads what is missing of some lines. */
  ensure(first: number, last: number): void {
    for (let page = Math.floor(first / PAGE); page <= Math.floor(Math.max(first, last) / PAGE); page++) {
      if (this.#asked.has(page)) continue
      this.#asked.add(page)
      void this.#load(page, this.#newest)
    }
  }

  /** Loads what could not be loaded. */
  again(): void {
    for (const page of this.#failed) this.#asked.delete(page)
    this.#forgetFailed()
    this.#onChange()
  }

  /** Nothing is loaded any more. */
  close(): void {
    this.#newest++
    this.#stop.abort()
    this.#forgetFailed()
  }

  async #load(page: number, asked: number): Promise<void> {
    const { isOpen, ...outline } = this.#outline
    const query: RowsQuery = {
      ...outline,
      ...(isOpen !== undefined && { isOpen }),
      offset: page * PAGE,
      limit: PAGE,
    }
    try {
      const { rows, offset: _, ...about } = await this.#ask(query, this.#stop.signal)
      if (asked !== this.#newest) return
      if (!this.#isFresh) this.#pages = new Map()
      this.#isFresh = true
      this.#pages.set(page, rows)
      this.about = about
      this.error = undefined
      this.#failures = 0
    } catch (error) {
      if (asked !== this.#newest) return
      this.error = errorView(error)
      this.#failed.add(page)
      if (!isRefused(error)) this.#retry ??= setTimeout(() => this.again(), backOffMs(++this.#failures))
    }
    this.#onChange()
  }

  #forgetFailed(): void {
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#failed.clear()
  }
}
