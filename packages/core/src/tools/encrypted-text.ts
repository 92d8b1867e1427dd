import type { $ZodType } from 'zod/v4/core'
import { systemClock } from '../clock.ts'
import type { ConfigDefinition } from '../config-definition.ts'
import { withDeadline } from '../deadline.ts'
import {
  type EnvelopeForm,
  isEnvelope,
  makeEnvelope,
  openEnvelope,
  parseEnvelope,
} from '../encryption/envelope.ts'
import { KeySet } from '../encryption/key-set.ts'
import { LivetreeError } from '../errors.ts'
import type { Path } from '../issue.ts'
import type { Keyring } from '../keyring/keyring.ts'
import { settledWithin } from '../within.ts'
import { boundPath } from '../pipeline/bound-path.ts'
import * as describe from '../schema/describe.ts'
import { isScalar, mayBeText } from '../schema/directory.ts'
import type { Clock, LayerInfo } from '../source/source.ts'
import { pathOf } from './schema-at.ts'

/** Where a text stands: a path of the schema, and the layer that has it. */
export interface TextPlace {
  readonly path: string | Path
  readonly layer: LayerInfo
}

/** Whether a key at a path holds an envelope: the place, or one that it lies in, is marked `secret(…, { encrypted: true })`. */
export function isEncryptedAt(definition: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  return describe.isEncryptedAt(definition.compiled, pathOf(path))
}

/** Whether something that is encrypted has a place at a path or below it. */
export function holdsEncryptedAt(definition: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  const { compiled } = definition
  if (!compiled.hasEncrypted) return false
  return (
    isEncryptedAt(definition, path) || describe.schemaNodeAt(compiled, pathOf(path))?.hasEncrypted === true
  )
}

/** Whether the schema means text at a path, whatever it looks like: no document is read there. */
export function isTextAt({ compiled }: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  const node = describe.schemaNodeAt(compiled, pathOf(path))
  return node !== undefined && isScalar(node) && mayBeText(node)
}

/** What an envelope holds: the text of a key, or the JSON of a value in a document. */
export interface EnvelopeContent {
  readonly form: EnvelopeForm
  readonly text: string
}

/**
 * The envelope of a text, with the current key; it opens at this place alone.
 *
 * @throws LivetreeError `keys_unavailable` when there is no key to encrypt with; `unwritable_value` for text that is not Unicode
 */
export function encryptText(
  { compiled }: ConfigDefinition<$ZodType>,
  { path, layer }: TextPlace,
  { form, text }: EnvelopeContent,
  keys: KeySet,
): string {
  const { current, absence = 'the keyring has no current one' } = keys
  if (current === undefined)
    throw new LivetreeError('keys_unavailable', `There is no key to encrypt with: ${absence}.`)
  if (!text.isWellFormed())
    throw new LivetreeError(
      'unwritable_value',
      'The text has half a character in it, which cannot be encrypted.',
    )
  return makeEnvelope(current, boundPath(compiled, pathOf(path), layer), text, form)
}

/** What an envelope holds; undefined where it does not open with these keys at this place, or is none. */
export function decryptText(
  { compiled }: ConfigDefinition<$ZodType>,
  { path, layer }: TextPlace,
  envelope: string,
  keys: KeySet,
): EnvelopeContent | undefined {
  const parsed = isEnvelope(envelope) ? parseEnvelope(envelope) : undefined
  const key = parsed?.type === 'envelope' ? keys.find(parsed.keyId) : undefined
  if (parsed?.type !== 'envelope' || key === undefined) return undefined
  const text = openEnvelope(key, boundPath(compiled, pathOf(path), layer), parsed)
  return text === undefined ? undefined : { form: parsed.form, text }
}

/** For how long at most the other origins are waited for when the current one has answered, in milliseconds. */
const OTHERS_MS = 3_000

/** Options of `readKeys`. */
export interface ReadKeysOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Default: the system's clock. */
  readonly clock?: Clock | undefined
}

/**
 * Reads the keys of a keyring once. When the current origin has answered, the others are waited for a while: at most three
 * seconds, and for half of the time that is left.
 *
 * @throws LivetreeError `keys_unavailable`, `timeout`, `aborted`
 */
export async function readKeys(
  keyring: Pick<Keyring, 'ask' | 'plaintext'>,
  options: ReadKeysOptions = {},
): Promise<KeySet> {
  const { timeoutMs = 10_000, signal, clock = systemClock } = options
  const limits = { clock, timeoutMs, signals: [signal], what: 'Reading the keys' }
  const endsAt = clock.now() + timeoutMs
  const asking = new AbortController()
  try {
    const { keys, current } = await withDeadline(async () => {
      const answers = keyring.ask(asking.signal, clock)
      await answers.usable
      await settledWithin(answers.all, clock, Math.min(OTHERS_MS, (endsAt - clock.now()) / 2))
      return answers.read
    }, limits)
    const absence = keys.length === 0 ? 'the keyring has no keys' : undefined
    return new KeySet({ keys, current, plaintext: keyring.plaintext, absence })
  } finally {
    asking.abort()
  }
}
