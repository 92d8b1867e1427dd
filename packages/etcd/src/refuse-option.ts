import { EtcdError } from './errors.ts'

/** An option that cannot be used. `what` names it; it never repeats a password or a key. */
export const refuse = (what: string, cause?: unknown): EtcdError =>
  new EtcdError('invalid_option', { what, cause })

/** Throws when `given` has a name that is not in `names`: a misspelt one would otherwise be ignored without a word. */
export const assertKnown = (group: string, names: readonly string[], given: object | undefined): void => {
  const unknown = Object.keys(given ?? {}).find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw refuse(`there is no option ${group === '' ? '' : `${group}.`}${unknown}`)
}
