/**
 * A value as the configuration holds it, frozen all the way down: what throws at run time is a compile error. Objects,
 * lists and tuples are readonly, maps and sets are `ReadonlyMap` and `ReadonlySet`. A `Date`, a `URL`, a `Buffer` and typed
 * arrays can still be given to every function that takes one; their writing methods cannot be called. Functions, branded
 * values, `any`, `unknown` and instances of classes with private members are left as they are.
 */
export type DeepReadonly<V> = unknown extends V
  ? V
  : V extends string | number | bigint | boolean | symbol | null | undefined | AnyFunction
    ? V
    : V extends ReadonlyMap<infer K, infer E>
      ? ReadonlyMap<DeepReadonly<K>, DeepReadonly<E>>
      : V extends ReadonlySet<infer E>
        ? ReadonlySet<DeepReadonly<E>>
        : V extends readonly (infer E)[]
          ? E[] extends V
            ? readonly DeepReadonly<E>[]
            : { readonly [I in keyof V]: DeepReadonly<V[I]> }
          : V extends Date
            ? ReadonlyDate
            : V extends URL
              ? ReadonlyUrl
              : V extends URLSearchParams
                ? ReadonlySearchParams
                : V extends BytesView
                  ? ReadonlyBytes<V>
                  : IsNominal<V> extends true
                    ? V
                    : { readonly [K in keyof V]: DeepReadonly<V[K]> }

/** A `Date` whose setters cannot be called. */
export interface ReadonlyDate extends WithoutWriters<Date> {}
/** A `URL` that cannot be assigned to. */
export interface ReadonlyUrl extends Readonly<Omit<URL, 'searchParams'>> {
  readonly searchParams: ReadonlySearchParams
}
/** `URLSearchParams` to be read. */
export interface ReadonlySearchParams extends WithoutWriters<URLSearchParams> {}
/** A `Buffer` or typed array whose elements cannot be assigned, and whose writing methods cannot be called. */
export type ReadonlyBytes<V> = WithoutWriters<V>

type AnyFunction = (...args: never) => unknown

/** Any typed array; structural, so that no library of types is asked for. */
interface BytesView {
  readonly buffer: ArrayBufferLike
  readonly byteOffset: number
  readonly BYTES_PER_ELEMENT: number
}

/** Uncallable and not missing methods: with them it can still be given to whoever takes a `Date` or a `Uint8Array`. */
type WithoutWriters<V> = { readonly [K in keyof V]: K extends Writer ? never : V[K] }

type Writer =
  | `set${string}`
  | `swap${number}`
  | `write${string}`
  | 'append'
  | 'copyWithin'
  | 'delete'
  | 'fill'
  | 'reverse'
  | 'sort'

/** A class with private or protected members is equal to nothing that is made of its public ones. */
type IsNominal<V> = { [K in keyof V]: V[K] } extends V ? false : true
