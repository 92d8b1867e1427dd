import type { buildConnector, Client } from 'undici'
import { EtcdError } from '../errors.ts'

/** What of undici is used. */
interface Undici {
  readonly Client: typeof Client
  readonly buildConnector: typeof buildConnector
}

let loaded: Undici | undefined

/**
 * Loads undici with the first call: loading takes longer than livetree's own code, and a process may never
 * connect.
 */
export async function loadUndici(): Promise<void> {
  try {
    loaded ??= (await loadParts()) ?? (await import('undici'))
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

/**
 * Loads the two files that hold what is used, with a third of undici's modules. They are not its public entry: where
 * they cannot be found, as in another version, the answer is `undefined`, and all of it is loaded.
 */
export async function loadParts(): Promise<Undici | undefined> {
  try {
    const [client, connect] = await Promise.all([
      import('undici/lib/dispatcher/client.js'),
      import('undici/lib/core/connect.js'),
    ])
    const parts = { Client: client.default, buildConnector: connect.default }
    const areFunctions = Object.values(parts).every((part) => typeof part === 'function')
    return areFunctions ? parts : undefined
  } catch {
    return undefined
  }
}
