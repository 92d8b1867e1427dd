import { randomInt } from 'node:crypto'
import type { Clock } from '../clock.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const TOKEN_LETTERS = 16

/** The issued tokens. Like etcd's simple tokens they are only kept in memory, and each use extends them. */
export class Tokens {
  readonly #clock: Clock
  readonly #ttlMs: number
  readonly #tokens = new Map<string, { readonly user: string; expiresAtMs: number }>()

  constructor(clock: Clock, ttlMs: number) {
    this.#clock = clock
    this.#ttlMs = ttlMs
  }

  /** Creates a token for a user. It ends with `index`, like etcd's tokens with the index of its log. */
  assign(user: string, index: number): string {
    this.#forgetExpired()
    const text = Array.from({ length: TOKEN_LETTERS }, () => LETTERS[randomInt(LETTERS.length)]).join('')
    const token = `${text}.${index}`
    this.#tokens.set(token, { user, expiresAtMs: this.#clock.now() + this.#ttlMs })
    return token
  }

  /** The user of a token; undefined if it is unknown or has expired. */
  userOf(token: string): string | undefined {
    const found = this.#tokens.get(token)
    if (found === undefined) return undefined
    const now = this.#clock.now()
    if (found.expiresAtMs <= now) return undefined
    found.expiresAtMs = now + this.#ttlMs
    return found.user
  }

  /** Revokes a user's tokens. */
  revokeUser(user: string): void {
    for (const [token, found] of this.#tokens) if (found.user === user) this.#tokens.delete(token)
  }

  /** Revokes all tokens. */
  revokeAll(): void {
    this.#tokens.clear()
  }

  #forgetExpired(): void {
    const now = this.#clock.now()
    for (const [token, { expiresAtMs }] of this.#tokens) if (expiresAtMs <= now) this.#tokens.delete(token)
  }
}
