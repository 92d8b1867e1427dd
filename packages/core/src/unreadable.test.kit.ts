import { LivetreeError } from './errors.ts'

/** Values a program may throw whose properties throw when they are read. */
export const UNREADABLE: Record<string, () => unknown> = {
  'a revoked Proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'a revoked Proxy of a function': () => {
    const { proxy, revoke } = Proxy.revocable(() => {}, {})
    revoke()
    return proxy
  },
  'a Proxy whose traps throw': () => new Proxy(new Error('hostile'), trapsThatThrow()),
  'a Proxy whose prototype cannot be asked for': () =>
    new Proxy({}, { getPrototypeOf: () => refuse('getPrototypeOf') }),
  'an error inside a Proxy': () => new Proxy(new Error('hostile'), { get: () => refuse('get') }),
  'our own error inside a Proxy': () =>
    new Proxy(new LivetreeError('closed', 'hostile'), { get: () => refuse('get') }),
  ...Object.fromEntries(
    ['name', 'message', 'stack', 'code', 'cause', 'toJSON', 'errors'].map((field) => [
      `an error whose ${field} throws`,
      () => withGetter(new Error(field === 'errors' ? '' : 'hostile'), field),
    ]),
  ),
  'our own error whose cause throws': () => withGetter(new LivetreeError('closed', 'hostile'), 'cause'),
  'an error whose cause is unreadable': () =>
    new Error('hostile', { cause: withGetter(new Error('deeper'), 'message') }),
  'an error that is its own cause': () => {
    const error = new Error('hostile')
    error.cause = new Error('deeper', { cause: error })
    return error
  },
  'an error that holds itself': () => {
    const error = new AggregateError([], '')
    error.errors.push(error, error)
    return error
  },
  'an error whose message is no text': () => Object.assign(new Error(), { message: Symbol('hostile') }),
  'an error whose message cannot be a text': () =>
    Object.assign(new Error(), { message: Object.create(null), name: Object.create(null) }),
  'an error with a huge message': () => new Error('x'.repeat(5_000_000)),
  'our own error without its properties': () =>
    Object.assign(new LivetreeError('closed', 'hostile'), { code: undefined, message: undefined }),
}

function refuse(what: string): never {
  throw new Error(`hostile ${what}`)
}

function withGetter(error: Error, field: string): Error {
  return Object.defineProperty(error, field, { get: () => refuse(field), configurable: true })
}

function trapsThatThrow(): ProxyHandler<Error> {
  const traps = Object.getOwnPropertyNames(Reflect).map((trap) => [trap, () => refuse(trap)])
  return Object.fromEntries(traps) as ProxyHandler<Error>
}

/** Promises that a plain `await` would wait for without ever giving the event loop a turn. */
export const LOOPS: Readonly<Record<string, () => unknown>> = {
  'returns a thenable that resolves with itself': () => {
    const loop = {
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      then(resolve: (value: unknown) => void) {
        resolve(loop)
      },
    }
    return loop
  },
  'returns a thenable that resolves with ever new ones': () => {
    const create = (): object => ({
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      then(resolve: (value: unknown) => void) {
        resolve(create())
      },
    })
    return create()
  },
  'returns a promise of a class whose then resolves with itself': () => {
    class Loop extends Promise<unknown> {
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      override then(resolve?: ((value: never) => unknown) | null): never {
        resolve?.(this as never)
        return undefined as never
      }
    }
    return new Loop(() => {})
  },
  'returns a thenable whose then is async and rejects': () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is the point
    async then() {
      throw new Error('hostile')
    },
  }),
}
