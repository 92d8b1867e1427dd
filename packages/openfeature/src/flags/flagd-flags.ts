import { type FeatureFlag, FlagdCore, type Storage } from '@openfeature/flagd-core'
import {
  type FlagMetadata,
  type FlagValue,
  GeneralError,
  type Logger,
  ParseError,
  type ResolutionDetails,
  TargetingKeyMissingError,
} from '@openfeature/server-sdk'
import type { FlagSet } from '../schema/index.ts'
import { BoundedFlag, type GivenFlag, INTERPRETED } from './bounded-flag.ts'
import { type Evaluators, expandReferences, usesAny } from './evaluators.ts'
import { changedNames, type FlagFormat, type Flags, hasNames, ownPart, type Question } from './flags.ts'

type Definition = FlagSet['flags'][string]

/** What flagd-core says while it builds a flag is said again by each evaluation. */
const SILENT: Logger = { error() {}, warn() {}, info() {}, debug() {} }

/** How flags in flagd's format are read. */
export interface FlagdOptions {
  readonly requireTargetingKey: boolean
}

/** Flags in flagd's format. A flag is built when it is first asked for, and again when it or what it refers to changed. */
export class FlagdFormat implements FlagFormat {
  readonly #options: FlagdOptions
  readonly #built = new WeakMap<Definition, BuiltFlag>()

  constructor(options: FlagdOptions) {
    this.#options = options
  }

  problemOf(part: object): string | undefined {
    return hasNames(ownPart(part, 'flags'))
      ? undefined
      : 'has no object "flags", as a set of flags of flagd has; for a part whose properties are the flags, give { format: \'plain\' }'
  }

  open(part: object): Flags {
    return new FlagdFlags(part as FlagSet, this.#options, (key, set) => this.#flag(key, set))
  }

  changedBetween(previous: object, next: object): string[] {
    const before = (previous as FlagSet).flags
    const after: Readonly<Record<string, Definition | undefined>> = (next as FlagSet).flags
    const isSameMetadata = (previous as FlagSet).metadata === (next as FlagSet).metadata
    if (!isSameMetadata) return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    const changed = changedNames(before, after)
    const shared = (next as FlagSet).$evaluators ?? {}
    const evaluators = new Set(changedNames((previous as FlagSet).$evaluators ?? {}, shared))
    if (evaluators.size === 0) return changed
    const isUser = (key: string) => usesAny(after[key]?.targeting, evaluators, shared)
    return [...new Set([...changed, ...Object.keys(after).filter(isUser)])]
  }

  #flag(key: string, set: FlagSet): FeatureFlag | undefined {
    const definition = ownDefinition(set, key)
    if (definition === undefined) return undefined
    const known = this.#built.get(definition)
    if (known !== undefined && known.key === key && isSameAround(known.around, set)) return known.flag
    const flag = build(key, definition, set)
    const { $evaluators, metadata } = set
    this.#built.set(definition, { key, around: { $evaluators, metadata }, flag })
    return flag
  }
}

/** What a flag has from its set. */
type Around = Pick<FlagSet, '$evaluators' | 'metadata'>

interface BuiltFlag {
  readonly key: string
  /** Without the flags of the set: a definition that never changes would keep those of its first state for ever. */
  readonly around: Around
  readonly flag: FeatureFlag
}

/** Whether what a flag has from its set is the same in both. */
function isSameAround(one: Around, other: Around): boolean {
  return one.$evaluators === other.$evaluators && one.metadata === other.metadata
}

function ownDefinition(set: FlagSet, key: string): Definition | undefined {
  return ownPart(set.flags, key) as Definition | undefined
}

/** @throws ParseError where flagd-core refuses what the schema of the application has let through */
function build(key: string, definition: Definition, set: FlagSet): FeatureFlag {
  const { state, variants, defaultVariant, targeting, metadata } = definition
  try {
    const flag = {
      state,
      variants,
      defaultVariant,
      targeting: expandReferences(targeting, set.$evaluators as Evaluators | undefined),
      metadata: { ...set.metadata, ...metadata },
    }
    return new BoundedFlag(key, flag as GivenFlag, SILENT)
  } catch (cause) {
    if (cause instanceof GeneralError) throw cause
    throw new ParseError(`The flag "${key}" is malformed`, { cause })
  }
}

class FlagdFlags implements Flags, Storage {
  readonly #set: FlagSet
  readonly #options: FlagdOptions
  readonly #flagOf: (key: string, set: FlagSet) => FeatureFlag | undefined
  readonly #core: FlagdCore

  constructor(
    set: FlagSet,
    options: FlagdOptions,
    flagOf: (key: string, set: FlagSet) => FeatureFlag | undefined,
  ) {
    this.#set = set
    this.#options = options
    this.#flagOf = flagOf
    this.#core = new FlagdCore(this, SILENT, INTERPRETED)
  }

  resolve<V extends FlagValue>({
    type,
    key,
    defaultValue,
    context,
    logger,
  }: Question<V>): ResolutionDetails<V> {
    if (this.#options.requireTargetingKey && !context.targetingKey && this.#isTargeted(key))
      throw new TargetingKeyMissingError(`The context has no targetingKey, which the flag "${key}" asks for`)
    return this.#core.resolve(type, key, defaultValue, context, logger)
  }

  getFlag(key: string): FeatureFlag | undefined {
    return this.#flagOf(key, this.#set)
  }

  getFlags(): Map<string, FeatureFlag> {
    const keys = Object.keys(this.#set.flags)
    return new Map(keys.map((key) => [key, this.getFlag(key) as FeatureFlag]))
  }

  getFlagSetMetadata(): FlagMetadata {
    return { ...this.#set.metadata }
  }

  /** Part of flagd-core's port; the flags of a state never change. */
  setConfigurations(): never {
    throw new ParseError('The flags of one state of a configuration cannot be replaced')
  }

  #isTargeted(key: string): boolean {
    const { state, targeting } = ownDefinition(this.#set, key) ?? {}
    return state === 'ENABLED' && Object.keys(targeting ?? {}).length > 0
  }
}
