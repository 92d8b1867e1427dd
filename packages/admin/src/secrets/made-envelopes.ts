/** Envelopes that were made for a draft, by key, path and text: each attempt to apply it writes the same. */
export type MadeEnvelopes = Map<string, string>

const made = new WeakMap<object, MadeEnvelopes>()

/** The envelopes that were made for a draft so far. */
export function madeFor(draft: object): MadeEnvelopes {
  const known = made.get(draft) ?? new Map<string, string>()
  made.set(draft, known)
  return known
}
