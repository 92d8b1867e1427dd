import { disown } from './callback.ts'
import { isPromise } from './promises-in.ts'
import type { $ZodType } from 'zod/v4/core'
import { checkOptions, type OptionTable } from './check-options.ts'
import type { ConfigDefinition } from './config-definition.ts'
import { LivetreeError } from './errors.ts'
import { callback, name as nameKind } from './option-kinds.ts'
import type { Keyring } from './keyring/keyring.ts'
import { load } from './load.ts'
import type { GuardOptions } from './pipeline/removal-judge.ts'
import { GUARD_OPTIONS, guardKind, unusedKind } from './pipeline/judging-options.ts'
import { isZod3, ZOD_3 } from './schema/assert-zod.ts'
import { compileSchema } from './schema/compile-schema.ts'
import { fingerprintOf } from './schema/describe.ts'
import { type Naming, namingKind } from './schema/naming.ts'
import type { Source } from './source/source.ts'

/** Options of `defineConfig`. */
export interface DefineConfigOptions<S extends $ZodType> {
  /** Identifies the configuration in messages, on disk and in tools: 1 to 200 characters. */
  readonly name: string
  /** A zod 4 schema, classic or mini; `zod/v4` of zod 3.25 works too. Its output type, deeply readonly, is the type of `current`. */
  readonly schema: S
  /** Returns the default sources of `load`, the lowest precedence first. Called once by each `load` that is given none. */
  readonly sources?: (() => readonly Source[]) | undefined
  /** Returns the default keys of `load`, which open encrypted values; tools use them too. Called once by each `load` that is given none. */
  readonly keys?: (() => Keyring) | undefined
  /** How property names are written in trees and files. Default `exact`. */
  readonly naming?: Naming | undefined
  /**
   * What to do about keys that match nothing in the schema: `ignore` them, `warn` and emit `unused`, or `reject` the tree.
   * Default `warn`.
   */
  readonly unused?: 'ignore' | 'warn' | 'reject' | undefined
  /**
   * Limits how many leaves one change may remove. `false` disables the check. Default: a change is rejected if it removes
   * more than half of a source's leaves, and at least 5, within 10 minutes. Only leaves that the schema reads count.
   */
  readonly guard?: GuardOptions | false | undefined
}

const OPTION_TABLE: OptionTable = {
  name: nameKind,
  schema: {
    expected: 'a zod 4 schema, such as z.object({ … })',
    test: (schema) => (typeof schema === 'object' && schema !== null && '_zod' in schema) || isZod3(schema),
  },
  sources: {
    expected: 'a function that returns them, () => [...], so that the definition stays pure',
    test: callback.test,
  },
  keys: {
    expected:
      'a function that returns what keyring() does, () => keyring({ … }), so that the definition stays pure',
    test: callback.test,
  },
  naming: namingKind,
  unused: unusedKind,
  // Accepts the properties of a definition, so that one can be spread into the options of another.
  compiled: { expected: '', test: () => true },
  fingerprint: { expected: '', test: () => true },
  load: callback,
  guard: guardKind,
}

/**
 * Defines a configuration: checks and compiles the schema. Does no I/O.
 *
 * @throws LivetreeError `invalid_definition`; `invalid_schema` or `name_clash` with the path in the schema
 */
export function defineConfig<S extends $ZodType>(options: DefineConfigOptions<S>): ConfigDefinition<S> {
  checkOptions('defineConfig()', options, OPTION_TABLE, 'invalid_definition')
  const { name, schema, sources, keys, naming = 'exact', unused = 'warn', guard = {} } = options
  if (name === undefined) refuse('needs a name, such as "checkout"')
  if (schema === undefined) refuse('needs a schema, such as z.object({ … })')
  if (isPromise(schema)) {
    disown(schema)
    refuse('got a promise in the place of a schema: await it first')
  }
  if (isZod3(schema)) refuse(`got a schema that ${ZOD_3}`)
  if (guard !== false) checkOptions('defineConfig({ guard })', guard, GUARD_OPTIONS, 'invalid_definition')
  const compiled = compileSchema(schema, { naming })
  const definition: ConfigDefinition<S> = {
    name,
    schema,
    sources,
    keys,
    naming,
    unused,
    guard: guard === false ? false : Object.freeze({ ...guard }),
    compiled,
    // computed by those who ask: most processes never do
    get fingerprint() {
      return fingerprintOf(compiled)
    },
    load: (loadOptions) => load(definition, loadOptions),
  }
  return Object.freeze(definition)
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_definition', `defineConfig() ${what}.`)
}
