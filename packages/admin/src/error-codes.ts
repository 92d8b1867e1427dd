import { livetreeErrorCodes } from '@livetree/core/tools'

/** Every code of `AdminError` with its meaning and its remedy. */
export const adminErrorCodes = {
  invalid_options: {
    meaning: 'The options given to a call are wrong.',
    remedy: 'Correct the option that the message names.',
  },
  invalid_path: {
    meaning: 'A path names nothing in the schema, or has no key in the layer.',
    remedy: 'Correct the path; the message says what may have been meant.',
  },
  invalid_value: livetreeErrorCodes.invalid_value,
  unwritable_value: livetreeErrorCodes.unwritable_value,
  invalid_tree: {
    meaning: 'The schema refuses the whole tree, as it is, as it was, or as the change would leave it.',
    remedy: 'Correct every path in `issues`, in the same change if need be. Nothing was written.',
  },
  removal_refused: {
    meaning: 'The change removes so much that running instances would refuse it.',
    remedy: 'Apply it with `allowRemoval: true` if that is meant. Nothing was written.',
  },
  conflict: {
    meaning: 'Somebody else changed a key of this change since it was planned.',
    remedy:
      'Plan it again, on what the tree holds now; `conflicts` has both texts and who was first. Nothing was written.',
  },
  contention: {
    meaning: 'Others changed the same layers again and again while the change was judged.',
    remedy: 'Apply it again when fewer writers are active. Nothing was written.',
  },
  too_large: {
    meaning: 'The change does not fit into one transaction of the store.',
    remedy:
      'Make several changes of it, write a subtree as one JSON document, or raise the limits of the store and the client. Nothing was written.',
  },
  not_found: {
    meaning: 'There is nothing at a path, no such record, or no such revision yet.',
    remedy: 'The message says where something is.',
  },
  compacted: {
    meaning: 'The store does not keep a revision any more.',
    remedy: 'Choose a newer one; `history()` shows which there are.',
  },
  permission_denied: {
    meaning: 'The user of the store may not do this, or was not accepted.',
    remedy: 'Grant what the message names to a role of the user.',
  },
  store_unavailable: {
    meaning: 'The store, or another source of the configuration, cannot be reached or read.',
    remedy: 'See `cause`. Nothing was written.',
  },
  store_changed: {
    meaning: 'Another store answers at the endpoints than the one that the plan was made on.',
    remedy: 'Check the endpoints, and plan again.',
  },
  store_failed: {
    meaning: 'The store refused a request.',
    remedy: 'See `cause`.',
  },
  outcome_unknown: {
    meaning: 'The store went away while it wrote, and could not be asked within the time whether it did.',
    remedy: 'Ask `find(id)` with the id in the message once the store is back. Nothing is written twice.',
  },
  timeout: {
    meaning: 'The time limit of a call has expired.',
    remedy: 'Increase `timeoutMs`, or check whether the store is well.',
  },
  aborted: {
    meaning: 'The signal passed to a call was aborted.',
    remedy: 'The caller asked for it: `cause` holds the reason of the signal.',
  },
  closed: {
    meaning: 'The admin is closed.',
    remedy: 'Do not use it after `close()`.',
  },
  unreadable: {
    meaning: 'A record, a saved plan or a text to import is not of a form that is known here.',
    remedy: 'The message says what is wrong with it. A newer version of livetree may have written it.',
  },
  secret_text: {
    meaning: 'What is asked for would hold the text of a secret.',
    remedy: 'Leave the secret out, or ask for it openly with `reveal: true` where that can be said.',
  },
  keys_unavailable: {
    meaning: 'There is no key to encrypt a value with.',
    remedy: 'Give `keys` with the current key, or `keys` in the definition. Nothing was written.',
  },
  fleet_rejected: {
    meaning: 'A running instance rejects the change, and every instance was required to take it.',
    remedy: 'The message says which and why: correct the change, or deploy what takes it first.',
  },
  fleet_incomplete: {
    meaning:
      'A running instance has not said in time what it makes of the change, and every instance was required to.',
    remedy: 'Look at the instances in the message, or increase `timeoutMs`.',
  },
  internal: {
    meaning: 'A defect in livetree, or in a function of the schema that must not throw.',
    remedy: 'Please report it, with `cause`.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly remedy: string }>

/** Identifies the kind of an `AdminError`; see `adminErrorCodes` for the meaning of each code. */
export type AdminErrorCode = keyof typeof adminErrorCodes
