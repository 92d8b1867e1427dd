/** Why a name is left out wherever it stands: an assignment to it would change an object instead of adding to it. */
export const PROTO = 'the name __proto__, which no plain object can hold'

/** Whether a plain object can hold a name. Other names are left out of every input, and reported as unused. */
export function isHeldName(name: unknown): boolean {
  return name !== '__proto__'
}
