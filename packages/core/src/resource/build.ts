/** One attempt to create and check an instance. */
export interface Build<S> {
  readonly input: S
  /** Counts the builds of this resource, from 1. */
  readonly number: number
  /** In ms since the Unix epoch. */
  readonly startedAt: number
  /** The function of the user that is running. */
  phase: 'create' | 'check' | 'dispose'
  readonly abort: AbortController
  /** Resolves when the build has settled or was abandoned. */
  readonly done: Promise<void>
  readonly end: () => void
  /** Timer that abandons the build if it does not settle after its signal has aborted. */
  patience: unknown
}

/** Creates the record of a build that begins now. */
export function startBuild<S>(input: S, number: number, startedAt: number): Build<S> {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    input,
    number,
    startedAt,
    phase: 'create',
    abort: new AbortController(),
    done: promise,
    end: resolve,
    patience: undefined,
  }
}

/** How a build ended. */
export type Built<R> =
  | { readonly type: 'built'; readonly value: R }
  | { readonly type: 'superseded' }
  /** `why` contains no text from user code; `thrown` may. */
  | { readonly type: 'failed'; readonly why: string; readonly thrown?: { readonly cause: unknown } }
