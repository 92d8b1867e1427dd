import type {
  EvaluationContext,
  FlagValue,
  FlagValueType,
  Logger,
  ResolutionDetails,
} from '@openfeature/server-sdk'

/** What an application asks for. */
export interface Question<V extends FlagValue> {
  readonly type: FlagValueType
  readonly key: string
  readonly defaultValue: V
  readonly context: EvaluationContext
  readonly logger: Logger
}

/** The flags of one state of the configuration. */
export interface Flags {
  /** @throws OpenFeatureError with the code of what is wrong */
  resolve<V extends FlagValue>(question: Question<V>): ResolutionDetails<V>
}

/** How a part of the configuration is read as flags. */
export interface FlagFormat {
  /** What is wrong with a part that has no flags, for a message; undefined for one that may have. */
  problemOf(part: object): string | undefined
  /** @param part the same for as long as the flags are the same */
  open(part: object): Flags
  /** The keys of the flags that may answer differently, those that came and those that went included. */
  changedBetween(previous: object, next: object): string[]
}

/** The names under which two objects hold different things, those of the first before others. */
export function changedNames(previous: object, next: object): string[] {
  if (previous === next) return []
  const before = previous as Record<string, unknown>
  const after = next as Record<string, unknown>
  const names = Object.keys(before)
  // Looked up in full where it differs only: of a large set few parts do.
  const changed = names.filter(
    (name) => !Object.is(before[name], after[name]) && !Object.is(before[name], ownPart(after, name)),
  )
  const others = Object.keys(after)
  const isSame = names.length === others.length && names.every((name, index) => name === others[index])
  return isSame
    ? changed
    : [...changed, ...others.filter((name) => !Object.hasOwn(before, name) && after[name] !== undefined)]
}

/** Whether a value is an object with parts of its own names: no list, and no instance that keeps its parts inside, as a map does. */
export function hasNames(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  return !(Array.isArray(value) || value instanceof Map || value instanceof Set)
}

/** The part of that name, if it is the object's own. */
export function ownPart(whole: object, name: string): unknown {
  return Object.hasOwn(whole, name) ? (whole as Record<string, unknown>)[name] : undefined
}
