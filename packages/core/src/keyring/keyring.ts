import { inspect } from 'node:util'
import { checkOptions } from '../check-options.ts'
import { systemClock } from '../clock.ts'
import type { PlaintextPolicy } from '../encryption/key-set.ts'
import { LivetreeError } from '../errors.ts'
import { milliseconds, oneOf } from '../option-kinds.ts'
import type { Clock } from '../source/source.ts'
import { isBeingAsked } from './ask-origin.ts'
import { KeyAnswers, type KeysRead } from './key-answers.ts'
import { checkOrigin, type KeyOrigin, type ReadableOrigin } from './key-origin.ts'

/** Options of `keyring`. */
export interface KeyringOptions {
  /** Where the key to encrypt with is; of several keys there, it is the first. Default: nothing can be encrypted. */
  readonly current?: KeyOrigin | undefined
  /** Where the keys are that values may still be encrypted with; an origin that is empty or not there has none. Default none. */
  readonly previous?: KeyOrigin | readonly KeyOrigin[] | undefined
  /** What happens to plain text where the schema asks for an encrypted value. Default `reject`: the tree is invalid. */
  readonly plaintext?: PlaintextPolicy | undefined
  /** How often all origins are asked again, in milliseconds, at least 1,000. Default: never; a file is watched anyway. */
  readonly refreshMs?: number | undefined
}

/**
 * Where the keys of encrypted values are. Nothing is read before `load` or an admin asks; several may use one keyring.
 * Printing it shows no key.
 */
export class Keyring {
  readonly plaintext: PlaintextPolicy
  readonly refreshMs: number
  readonly #origins: readonly ReadableOrigin[]
  readonly #hasCurrent: boolean
  readonly #refreshing = new Set<() => Promise<void>>()

  constructor(
    origins: { readonly current: ReadableOrigin | undefined; readonly previous: readonly ReadableOrigin[] },
    plaintext: PlaintextPolicy,
    refreshMs: number,
  ) {
    const { current, previous } = origins
    this.#hasCurrent = current !== undefined
    this.#origins = current === undefined ? previous : [current, ...previous]
    this.plaintext = plaintext
    this.refreshMs = refreshMs
  }

  /** What stands in front of a keyring, such as a Proxy of it, is none: its methods do not work. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && #origins in value
  }

  /**
   * Asks all origins again, for every configuration and admin that uses the keyring; resolves when each has answered or failed,
   * which takes an origin 10 seconds at most, and as long again where it was being asked already. Of a function that is being
   * asked for keys, it does nothing.
   */
  async refresh(): Promise<void> {
    if (isBeingAsked(this.#origins)) return
    await Promise.all([...this.#refreshing].map((refresh) => refresh()))
  }

  /** Whether there is no origin of keys: it only says what happens to plain text. */
  get isEmpty(): boolean {
    return this.#origins.length === 0
  }

  /** Whether someone else has to be asked for keys, such as a KMS: what is given is then kept for a while. */
  get isRemote(): boolean {
    return this.#origins.some(({ isRemote }) => isRemote === true)
  }

  /** Calls `ask` with each `refresh`. Returns how to unsubscribe. */
  onRefresh(ask: () => Promise<void>): () => void {
    this.#refreshing.add(ask)
    return () => void this.#refreshing.delete(ask)
  }

  /** All origins, the current one first. */
  get origins(): readonly ReadableOrigin[] {
    return this.#origins
  }

  /** Whether the first origin has the key to encrypt with. */
  get hasCurrent(): boolean {
    return this.#hasCurrent
  }

  /** Asks all origins once; their answers come one by one. */
  ask(signal: AbortSignal, clock: Clock = systemClock): KeyAnswers {
    return new KeyAnswers(this.#origins, this.#hasCurrent, { signal, clock })
  }

  /**
   * Asks all origins, and waits for each. A previous one that cannot be read holds nothing back.
   *
   * @throws LivetreeError `keys_unavailable`, naming the origin, if the current one cannot be read
   */
  async read(signal: AbortSignal): Promise<KeysRead> {
    const answers = this.ask(signal)
    await answers.usable
    await answers.all
    return answers.read
  }

  toJSON(): object {
    return { origins: this.#origins.map(({ name }) => name), plaintext: this.plaintext }
  }

  [inspect.custom](_depth: number, options: object): string {
    return `Keyring ${inspect(this.toJSON(), options)}`
  }
}

/**
 * The keys that `load` and `createAdmin` open encrypted values with, and the one that an admin encrypts with. Does no I/O.
 *
 * ```ts
 * keys: keyring({ current: { file: '/run/keys/current' }, previous: { file: '/run/keys/previous' } })
 * ```
 *
 * @throws LivetreeError `invalid_options`
 */
export function keyring(options: KeyringOptions): Keyring {
  checkOptions('keyring()', options, {
    current: ANYTHING,
    previous: ANYTHING,
    plaintext: oneOf('reject', 'accept'),
    refreshMs: {
      expected: 'a number of milliseconds, 1,000 or more',
      test: (value) => milliseconds.test(value) && Number(value) >= 1_000,
      isShown: true,
    },
  })
  const { current, previous = [], plaintext = 'reject', refreshMs = Number.POSITIVE_INFINITY } = options
  const others = Array.isArray(previous) ? (previous as readonly KeyOrigin[]) : [previous as KeyOrigin]
  const origins = {
    current: current === undefined ? undefined : checkOrigin(current, 'current'),
    // After a rotation there is no previous key: its file is empty, or gone.
    previous: others.map((origin, index) =>
      checkOrigin(origin, others.length === 1 ? 'previous' : `previous[${index}]`, { mayBeEmpty: true }),
    ),
  }
  if (origins.current === undefined && others.length === 0 && plaintext === 'reject')
    throw new LivetreeError(
      'invalid_options',
      'keyring() got no key: give current, such as { file: "/run/keys/current" }.',
    )
  return new Keyring(origins, plaintext, refreshMs)
}

const ANYTHING = {
  expected: 'an origin of keys: { file }, { env }, { id, key } or a function',
  test: () => true,
}
