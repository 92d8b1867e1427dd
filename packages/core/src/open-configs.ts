import type { LiveConfig } from './live-config.ts'

/** Registered, so that it is the same in two copies of this package. */
const OPEN = Symbol.for('livetree.open-configs')

type Registry = Set<WeakRef<LiveConfig<unknown>>>

/** The configurations of this process that were loaded and are not closed, in the order in which they were loaded. */
export function openConfigs(): readonly LiveConfig<unknown>[] {
  return [...registry()].flatMap((each) => each.deref() ?? [])
}

/** Notes an open configuration, which it does not keep alive. Returns a function that takes it out. */
export function noteOpenConfig(config: LiveConfig<unknown>): () => void {
  const open = registry()
  for (const each of open) if (each.deref() === undefined) open.delete(each)
  const noted = new WeakRef(config)
  open.add(noted)
  return () => void open.delete(noted)
}

function registry(): Registry {
  const holder = globalThis as { [OPEN]?: Registry }
  holder[OPEN] ??= new Set()
  return holder[OPEN]
}
