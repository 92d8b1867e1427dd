import { inspect } from 'node:util'
import { formsOf, type PlantedSecret } from './planted-secret.ts'

/** Everything that was shown to somebody, to be searched for secrets. */
export class OutputRecorder {
  readonly #shown: { readonly where: string; readonly text: string }[] = []
  /** Errors of the test's own code, which say what they like: ours must not repeat it, and `cause` hands them on as they are. */
  readonly #own = new WeakSet<object>()

  /** A logger whose calls are kept. */
  readonly logger = Object.fromEntries(
    (['debug', 'info', 'warn', 'error'] as const).map((level) => [
      level,
      (message: string, details?: Record<string, unknown>) => this.show(`logger.${level}`, message, details),
    ]),
  ) as Record<
    'debug' | 'info' | 'warn' | 'error',
    (message: string, details?: Record<string, unknown>) => void
  >

  /** An error as the user's own code throws it, with what it likes in it. */
  ownError(message: string): Error {
    const error = new Error(message)
    this.#own.add(error)
    return Object.defineProperty(error, inspect.custom, { value: () => '[an error of the test]' })
  }

  /** Keeps values in every way in which they may be printed. */
  show(where: string, ...values: unknown[]): void {
    for (const value of values) this.#show(where, value, 0)
  }

  /** Throws with the output that shows a secret. */
  assertClean(secrets: readonly PlantedSecret[]): void {
    for (const { where, text } of this.#shown) {
      const squeezed = text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/')
      for (const { token } of secrets) {
        const form = formsOf(token).find((each) => text.includes(each) || squeezed.includes(each))
        if (form === undefined) continue
        const at = Math.max(0, text.indexOf(form) - 300)
        throw new Error(`${where} shows a secret (as ${form}): ${text.slice(at, at + 800)}`)
      }
    }
  }

  #show(where: string, value: unknown, depth: number): void {
    if (value === undefined || depth > 5) return
    const add = (how: string, make: () => unknown) => this.#add(`${where}, ${how}`, make)
    if (typeof value === 'string') {
      add('text', () => value)
      return
    }
    if (typeof value !== 'object' || value === null) {
      add('String', () => String(value))
      return
    }
    if (this.#own.has(value)) return
    if (value instanceof Error) {
      add('message', () => value.message)
      add('stack', () => value.stack)
      add('String', () => String(value))
      add('JSON', () => JSON.stringify(value))
      for (const name of ['cause', 'issues', 'input'] as const) {
        this.#show(`${where}.${name}`, (value as unknown as Record<string, unknown>)[name], depth + 1)
      }
      add('inspect', () => inspect(value, { depth: 12, maxStringLength: null }))
      return
    }
    const nested = Object.entries(value).filter(([, part]) => part instanceof Error)
    for (const [name, part] of nested) this.#show(`${where}.${name}`, part, depth + 1)
    const rest =
      nested.length === 0
        ? value
        : Object.fromEntries(Object.entries(value).filter(([, part]) => !(part instanceof Error)))
    add('inspect', () => inspect(rest, { depth: 12, maxStringLength: null, maxArrayLength: null }))
    add('JSON', () => JSON.stringify(rest))
  }

  #add(where: string, make: () => unknown): void {
    let text: unknown
    try {
      text = make()
    } catch {
      // a ring or a bigint: it is printed by `inspect`
      return
    }
    if (typeof text === 'string' && text !== '') this.#shown.push({ where, text })
  }
}
