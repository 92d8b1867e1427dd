import type { $ZodType, output } from 'zod/v4/core'
import { kindOfValue } from '../kind-of-value.ts'
import { disown } from '../callback.ts'
import type { DeepReadonly } from '../deep-readonly.ts'
import { describeIssues, LivetreeError } from '../errors.ts'
import type { ChangeEvent } from '../events/change-event.ts'
import type { LiveConfig } from '../live-config.ts'
import { isPromise } from '../promises-in.ts'
import { assertValues } from '../source/assert-values.ts'
import type { TestStore } from './test-store.ts'

/** Bounds `set` calls in listeners: one that calls `set` for every change would never end. */
const MOST_IN_LISTENERS = 1_000

/** Implements `set`, which listeners may call while another `set` is being applied. */
export class Setter<S extends $ZodType> {
  readonly #config: LiveConfig<DeepReadonly<output<S>>>
  readonly #store: TestStore
  #isSetting = false
  /** Patches from calls inside listeners, to be applied afterwards. */
  #later: object[] = []

  constructor(config: LiveConfig<DeepReadonly<output<S>>>, store: TestStore) {
    this.#config = config
    this.#store = store
  }

  set(patch: object): ChangeEvent<DeepReadonly<output<S>>> | undefined {
    if (typeof patch !== 'object' || patch === null || isPromise(patch)) {
      disown(patch)
      const message = `set() got ${kindOfValue(patch)}; expected an object with the values to change.`
      throw new LivetreeError('invalid_options', message)
    }
    assertValues('set()', patch)
    if (this.#isSetting) {
      this.#later.push(patch)
      return undefined
    }
    this.#isSetting = true
    try {
      const change = this.#apply(patch, 'refuses the values')
      let count = 0
      for (let next = this.#later.shift(); next !== undefined; next = this.#later.shift()) {
        if (count++ === MOST_IN_LISTENERS) throw new Error('set() in a listener was called without end')
        this.#apply(next, 'refuses the values that were set in a listener')
      }
      return change
    } finally {
      this.#isSetting = false
      this.#later = []
    }
  }

  #apply(patch: object, what: string): ChangeEvent<DeepReadonly<output<S>>> | undefined {
    let change: ChangeEvent<DeepReadonly<output<S>>> | undefined
    const stop = this.#config.on('change', (event) => {
      change = event
    })
    this.#store.set(patch)
    stop()
    if (this.#isTaken()) this.#settle(what)
    // Called in a listener for a change of another source: the patch is applied after that change.
    else queueMicrotask(() => this.#settleLate(what))
    return change
  }

  #isTaken(): boolean {
    return this.#config.status.sources.at(-1)?.revision === this.#store.revision
  }

  #settleLate(what: string): void {
    try {
      this.#settle(what)
    } catch (error) {
      this.#config.report(error as LivetreeError)
    }
  }

  /** Keeps the patch, or reverts it if it is invalid. @throws LivetreeError `invalid_config` */
  #settle(what: string): void {
    const { rejected } = this.#config.status
    if (rejected === undefined) {
      this.#store.keep()
      return
    }
    this.#store.heal()
    const { issues } = rejected
    const heading = `Configuration "${this.#config.name}" ${what}:`
    throw new LivetreeError('invalid_config', describeIssues(heading, issues), { issues })
  }
}
