import { optionKinds, type OptionTable } from '@livetree/core/source'

/** The options that name a layer. */
export const LAYER_TABLE: OptionTable = { overlay: optionKinds.text, layer: optionKinds.text }
/** The options of every call. */
export const CALL_TABLE: OptionTable = {
  timeoutMs: optionKinds.milliseconds,
  signal: optionKinds.abortSignal,
}
/** A revision of the store. */
export const revisionKind = {
  expected: 'a revision of the store, a whole number from 1 on',
  test: (revision: unknown) => Number.isSafeInteger(revision) && (revision as number) >= 1,
  isShown: true,
}
