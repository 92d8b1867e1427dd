import type { Path } from '@livetree/core'
import { checkOptions, type OptionTable, optionKinds } from '@livetree/core/source'
import { pathText } from '@livetree/core/tools'
import type { Step } from '../change/draft.ts'
import { type Plan, planDraft } from '../change/plan.ts'
import { AdminError } from '../errors.ts'
import { readState, type TreeState } from '../tree/tree-state.ts'
import { translatedNow } from '../translate-error.ts'
import type { CallOptions, Workspace } from '../workspace.ts'
import { CALL_TABLE } from '../option-tables.ts'
import { TreeSecrets } from './tree-secrets.ts'

/** A value of the layers that the schema asks to be encrypted, and that stands there in plain text. */
export interface PlaintextValue {
  readonly key: string
  readonly path: Path
  /** `db.password` */
  readonly pathText: string
}

/** One encrypted value of the layers. */
export interface EncryptedValue extends PlaintextValue {
  /** The id of the key that it is encrypted with. */
  readonly keyId: string
  /** Whether it opens with the keys that are at hand. */
  readonly isOpen: boolean
}

/** Which encrypted values there are, at one revision. */
export interface EncryptedValues {
  readonly revision: number
  /** The id of the key that values are encrypted with now; undefined where none is at hand. */
  readonly current: string | undefined
  /** Why there is no key at hand; undefined where there are some. */
  readonly absence: string | undefined
  /** Sorted by key. */
  readonly values: readonly EncryptedValue[]
  /** What is not encrypted and should be, sorted by key. */
  readonly plaintext: readonly PlaintextValue[]
}

/** Options of `Admin.rotateSecrets`. */
export interface RotateOptions extends CallOptions {
  /**
   * What happens to plain text where the schema asks for an encrypted value. Default `'leave'`: whoever can write the store may
   * have put it there, so that encrypting it is said and not assumed.
   */
  readonly plaintext?: 'leave' | 'encrypt' | undefined
}

/** A plan that encrypts values of earlier keys with the current one. */
export interface Rotation {
  readonly plan: Plan
  /** How many values are encrypted with the current key already, and open with it. */
  readonly done: number
  /** How many values the plan encrypts, plain texts among them where they are asked for. */
  readonly renewed: number
  /** How many are left for further plans, since they do not fit into one transaction. */
  readonly left: number
  /** Those that no key at hand opens, whichever they name: they cannot be encrypted again. */
  readonly unopened: readonly EncryptedValue[]
  /** What stays in plain text in any case: it stands in a text that the schema may mean as that, and is no list or object then. */
  readonly unwritable: readonly PlaintextValue[]
  /** What stands in plain text at the revision that was read, whether the plan encrypts it or not. */
  readonly plaintext: readonly PlaintextValue[]
}

const OPTION_TABLE: OptionTable = { ...CALL_TABLE, plaintext: optionKinds.oneOf('leave', 'encrypt') }

/** The encrypted values of all layers; see `Admin.encrypted`. */
export async function readEncrypted(workspace: Workspace, options: CallOptions): Promise<EncryptedValues> {
  translatedNow(() => checkOptions('encrypted()', options, CALL_TABLE))
  const { unwritable: _, ...found } = encryptedIn(
    workspace,
    await readState(workspace, workspace.limit(options)),
  )
  return found
}

function encryptedIn(
  workspace: Workspace,
  { reading, keys }: TreeState,
): EncryptedValues & Pick<Rotation, 'unwritable'> {
  const secrets = new TreeSecrets(workspace, keys)
  const unwritable: PlaintextValue[] = []
  const values: EncryptedValue[] = []
  const plaintext: PlaintextValue[] = []
  for (const { key, value } of reading.entries.values())
    if (typeof value === 'string')
      for (const { path, keyId, isOpen, isInText } of secrets.textsIn(key, value)) {
        const at = { key, path, pathText: pathText(path) }
        if (keyId === undefined) plaintext.push(at)
        else values.push({ ...at, keyId, isOpen })
        if (keyId === undefined && isInText) unwritable.push(at)
      }
  const { current, absence } = keys
  return { revision: reading.revision, current: current?.id, absence, values, plaintext, unwritable }
}

/** Plans a rotation; see `Admin.rotateSecrets`. */
export async function planRotation(workspace: Workspace, options: RotateOptions): Promise<Rotation> {
  translatedNow(() => checkOptions('rotateSecrets()', options, OPTION_TABLE))
  const { plaintext: policy = 'leave', ...call } = options
  const state = await readState(workspace, workspace.limit(call))
  const { reading, keys } = state
  if (keys.current === undefined)
    throw new AdminError('keys_unavailable', {
      what: `There is no key to encrypt with: ${keys.absence ?? 'the keyring has no current one'}`,
    })
  const { current, values, plaintext, unwritable } = encryptedIn(workspace, state)
  const old = values.filter(({ keyId }) => keyId !== current)
  const unopened = values.filter(({ isOpen }) => !isOpen)
  const { steps, pins } = renewals(workspace, state, policy === 'encrypt')
  const draft = {
    kind: 'change',
    isMending: true,
    plannedAt: reading.revision,
    plannedOn: reading.clusterId,
    steps,
    pins,
  } as const
  const plan = await planDraft(workspace, draft, call)
  const encrypts = policy === 'encrypt' ? plaintext.filter((each) => !unwritable.includes(each)) : []
  const meant = [...old.filter(({ isOpen }) => isOpen), ...encrypts]
  const renewed = meant.filter(({ key }) => pins.has(key)).length
  const done = values.filter(({ keyId, isOpen }) => isOpen && keyId === current).length
  return { plan, done, renewed, left: meant.length - renewed, unopened, unwritable, plaintext }
}

/** The first keys to write again, as many as fit into one transaction, with the revisions that they have. */
function renewals(workspace: Workspace, { reading, keys }: TreeState, withPlain: boolean) {
  const secrets = new TreeSecrets(workspace, keys)
  const { maxOperations, maxRequestBytes, store } = workspace.settings
  // beside the keys, the transaction has records and conditions for each layer
  const most = Math.max(1, maxOperations - 4 * store.layers.length - store.documentKeys.length - 2)
  const steps: Step[] = []
  const pins = new Map<string, number>()
  let bytes = 0
  for (const { key, value, modRevision } of reading.entries.values()) {
    if (typeof value !== 'string') continue
    const text = secrets.renew(key, value, withPlain)
    if (text === undefined) continue
    // the text itself, and both texts in the record
    bytes += 3 * Buffer.byteLength(text) + 4 * Buffer.byteLength(key)
    if (steps.length > 0 && (steps.length >= most || bytes > maxRequestBytes / 2)) break
    steps.push({ type: 'key', key, text, keeps: 'all' })
    pins.set(key, modRevision)
  }
  return { steps, pins }
}
