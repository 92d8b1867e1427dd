/**
 * The type of a deeply frozen value: a write that throws at run time is a compile error. Objects, lists and tuples are
 * readonly; maps and sets become `ReadonlyMap` and `ReadonlySet`. A `Date`, `URL`, `Buffer` or typed array can still be
 * passed to every function that accepts one, but its mutating methods cannot be called. Functions, branded values, `any`,
 * `unknown` and instances of classes with private members are left unchanged.
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
/** `URLSearchParams` whose mutating methods cannot be called. */
export interface ReadonlySearchParams extends WithoutWriters<URLSearchParams> {}
/** A `Buffer` or typed array whose elements cannot be assigned and whose mutating methods cannot be called. */
export type ReadonlyBytes<V> = WithoutWriters<V>

type AnyFunction = (...args: never) => unknown

/** Any typed array. Structural, so that users need no particular `lib` setting or `@types/node`. */
interface BytesView {
  readonly buffer: ArrayBufferLike
  readonly byteOffset: number
  readonly BYTES_PER_ELEMENT: number
}

/** Mutating methods become `never` instead of missing, so that the type stays assignable to `Date` or `Uint8Array`. */
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

/** A mapped type of a class with private or protected members is not assignable to the class. */
type IsNominal<V> = { [K in keyof V]: V[K] } extends V ? false : true
