import { EtcdError } from '../errors.ts'

type Undici = typeof import('undici')

let loaded: Undici | undefined

/**
 * Loads undici with the first call: loading takes longer than livetree's own code, and a process may never
 * connect.
 */
export async function loadUndici(): Promise<void> {
  try {
    loaded ??= await import('undici')
  } catch (cause) {
    throw new EtcdError('connect_failed', { what: 'undici cannot be loaded', cause, fate: 'not_sent' })
  }
}

/** True once `loadUndici` has succeeded. */
export function isUndiciLoaded(): boolean {
  return loaded !== undefined
}

/** Returns undici. @throws Error if it is not loaded */
export function undici(): Undici {
  if (loaded === undefined) throw new Error('undici is not loaded')
  return loaded
}
