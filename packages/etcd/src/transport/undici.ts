import { EtcdError } from '../errors.ts'

type Undici = typeof import('undici')

let loaded: Undici | undefined

/** With the first call, and not before: it takes longer to load than livetree does, and a process may never connect. */
export async function loadUndici(): Promise<void> {
  try {
    loaded ??= await import('undici')
  } catch (cause) {
    throw new EtcdError('connect_failed', { what: 'undici cannot be loaded', cause, fate: 'not_sent' })
  }
}

export function isUndiciLoaded(): boolean {
  return loaded !== undefined
}

/** Throws while it is not loaded. */
export function undici(): Undici {
  if (loaded === undefined) throw new Error('undici is not loaded')
  return loaded
}
