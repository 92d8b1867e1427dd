import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import type { RunResult } from '../run-scenario.ts'
import type { ReconnectsResult } from '../soak/reconnects.ts'

/** What each kind of long run found, as it is kept for the page. */
export interface Results {
  readonly scenarios: { readonly seed: number; readonly runs: readonly RunResult[] }
  readonly events: RunResult
  readonly reconnects: ReconnectsResult
}

/** Results with where and when they were found. */
export type Kept<Kind extends keyof Results> = Results[Kind] & {
  readonly machine: { readonly node: string; readonly platform: string; readonly cores: number }
  readonly at: string
}

const folder = new URL('../../../.cache/chaos/results/', import.meta.url)
const fileOf = (kind: keyof Results) => new URL(`${kind}.json`, folder)

/** Keeps results in `.cache/chaos/results`, in place of earlier ones of that kind. */
export const keepResults = <Kind extends keyof Results>(kind: Kind, results: Results[Kind]): void => {
  mkdirSync(folder, { recursive: true })
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: cpus().length,
  }
  const kept = { ...results, machine, at: new Date().toISOString() }
  writeFileSync(fileOf(kind), `${JSON.stringify(kept, null, 2)}\n`)
}

/** What was kept last; undefined if there is nothing. */
export const readResults = <Kind extends keyof Results>(kind: Kind): Kept<Kind> | undefined => {
  try {
    return JSON.parse(readFileSync(fileOf(kind), 'utf8')) as Kept<Kind>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
