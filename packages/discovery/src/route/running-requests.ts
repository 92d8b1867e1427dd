import type { RoutedRequest } from './routed-request.ts'

/** The requests of a dispatcher that have not ended. */
export class RunningRequests {
  readonly #requests = new Set<RoutedRequest>()
  #onEmpty: () => void = () => undefined

  add(request: RoutedRequest): void {
    this.#requests.add(request)
  }

  delete(request: RoutedRequest): void {
    this.#requests.delete(request)
    if (this.#requests.size === 0) this.#onEmpty()
  }

  abortAll(reason: Error): void {
    for (const request of [...this.#requests]) request.controller.abort(reason)
  }

  /** Resolves when all have ended. For a single caller. */
  async ended(): Promise<void> {
    if (this.#requests.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
  }
}
