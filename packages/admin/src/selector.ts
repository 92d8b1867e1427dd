import type { Path } from '@livetree/core'
import { parsePathText } from '@livetree/core/tools'
import { AdminError } from './errors.ts'

/** Names a place in a configuration: `(c) => c.db.pool.max`. Nothing is read by it, so `c.cache?.size` may be missing. */
export type PathSelector<T, V = unknown> = (config: T) => V

/** A place in a configuration: `db.pool.max`, `['db', 'pool', 'max']`, or `(c) => c.db.pool.max`. */
export type PathLike<T, V = unknown> = string | Path | PathSelector<T, V>

/**
 * The segments of a place.
 *
 * @throws AdminError `invalid_path` for a selector that does more than naming a place
 */
export function pathOf<T>(place: PathLike<T>): Path {
  if (typeof place === 'string') return parsePathText(place)
  if (typeof place === 'function') return pathOfSelector(place)
  const isPath =
    Array.isArray(place) && place.every((name) => typeof name === 'string' || typeof name === 'number')
  // A copy: what its owner makes of the list later must not move a change that is planned already.
  if (isPath) return [...place]
  throw new AdminError('invalid_path', {
    what: 'Expected a path: text such as "db.pool.max", a list of names, or a function such as (c) => c.db.pool.max',
    remedy: '',
  })
}

const PATH = Symbol('path')

function pathOfSelector<T>(selector: PathSelector<T>): Path {
  let selected: unknown
  try {
    selected = selector(placeAt([]) as T)
  } catch (error) {
    throw notAPath(error)
  }
  // An async selector is refused below. Its promise rejects too, since it calls `then` on the place.
  if (selected instanceof Promise) selected.catch(() => undefined)
  const path = typeof selected === 'function' ? (selected as { readonly [PATH]?: Path })[PATH] : undefined
  if (path === undefined) throw notAPath()
  return path
}

function notAPath(cause?: unknown): AdminError {
  return new AdminError('invalid_path', {
    what: 'A selector has to name one place and nothing else, such as (c) => c.db.pool.max',
    remedy: "Give the path as text where its names are not known before: 'db.pool.max'.",
    cause,
  })
}

/** A place that notes which properties are read, and for a `Map` what `get` is called with. */
function placeAt(path: Path): unknown {
  return new Proxy(() => undefined, {
    get(_, name) {
      if (name === PATH) return path
      if (typeof name === 'symbol') throw new TypeError(`a place has no ${String(name)}`)
      return placeAt([...path, name])
    },
    apply(_, __, [key]: readonly unknown[]) {
      if (path.at(-1) !== 'get' || (typeof key !== 'string' && typeof key !== 'number'))
        throw new TypeError('a place cannot be called')
      return placeAt([...path.slice(0, -1), key])
    },
  })
}
