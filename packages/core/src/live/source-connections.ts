import { type DeadlineOptions, withDeadline } from '../deadline.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import type { Source, SourceConnection, SourceContext } from '../source/source.ts'
import type { Comparison } from '../startup/comparison.ts'
import { messageOf, withoutStop } from '../thrown.ts'
import { openGuarded } from '../updates/guarded-source.ts'

/** The open connections of a configuration's sources. */
export class SourceConnections {
  readonly #open: { readonly name: string; readonly connection: SourceConnection }[] = []

  /** Opens a source, which then reports to `context.sink`. @throws LivetreeError `source_broken`, `invalid_options` */
  open(
    source: Source,
    given: Omit<SourceContext, 'earlier'>,
    comparison: Pick<Comparison, 'placeOf'> | undefined,
  ): void {
    const { name, isRemote } = source
    const context = {
      ...given,
      // A source that asks has something to hand over, and waits.
      get earlier() {
        return isRemote ? comparison?.placeOf(name) : undefined
      },
    }
    this.#open.push({ name, connection: openGuarded(source, context) })
  }

  /** The patches of sources that make them by rules of their own, by the number of the source. */
  get patchOf(): readonly SourceConnection['patchOf'][] {
    return this.#open.map(({ connection }) => connection.patchOf)
  }

  /**
   * Resolves when every source has reported what its store held at the time of the call, and `settled` has resolved.
   *
   * @throws LivetreeError `timeout`, `aborted`, `closed`, or `source_unavailable` when a store cannot be asked
   */
  async refresh(settled: () => Promise<void>, deadline: DeadlineOptions): Promise<void> {
    const work = async (cut: AbortSignal) => {
      await Promise.all(this.#open.map(({ connection }) => connection.refresh(cut)))
      await settled()
    }
    try {
      await withDeadline(work, deadline)
    } catch (cause) {
      if (isLivetreeError(cause)) throw cause
      const message = `${deadline.what} failed: ${withoutStop(messageOf(cause))}.`
      throw new LivetreeError('source_unavailable', message, { cause })
    }
  }

  /** Closes all connections, then reports those that could not be closed. Never rejects. */
  async close(report: (error: LivetreeError) => void): Promise<void> {
    const closing = this.#open.map(async ({ name, connection }) => {
      try {
        await connection.close()
        return undefined
      } catch (cause) {
        if (isLivetreeError(cause)) return cause
        const message = `Source ${name} could not be closed: ${withoutStop(messageOf(cause))}.`
        return new LivetreeError('source_broken', message, { cause })
      }
    })
    for (const error of await Promise.all(closing)) if (error !== undefined) report(error)
  }
}
