import type { WirePath } from '../src/wire/index.ts'

/** A screen, and what it is about. */
export interface Place {
  readonly screen: Screen
  readonly path: WirePath
}

/** The screens there are. */
export type Screen = 'tree' | 'change' | 'history' | 'compare' | 'live' | 'fleet' | 'schema'

/** In the order of the navigation. */
export const SCREENS: readonly Screen[] = ['tree', 'change', 'history', 'compare', 'live', 'fleet', 'schema']

/** The place that the address names. */
export function placeOf(hash: string): Place {
  const [, name = '', rest = ''] = /^#\/(\w+)(?:\/(.*))?$/.exec(hash) ?? []
  const screen = SCREENS.find((each) => each === name) ?? 'tree'
  return { screen, path: pathOf(rest) }
}

function pathOf(text: string): WirePath {
  try {
    const value: unknown = JSON.parse(decodeURIComponent(text))
    return Array.isArray(value) ? (value as WirePath) : []
  } catch {
    return []
  }
}

/** The address of a place. */
export function addressOf(screen: Screen, path: WirePath = []): string {
  return path.length === 0 ? `#/${screen}` : `#/${screen}/${encodeURIComponent(JSON.stringify(path))}`
}

/** Goes to a place. */
export function goTo(screen: Screen, path: WirePath = []): void {
  location.hash = addressOf(screen, path)
}

/** Tells paths apart. */
export function keyOf(path: WirePath): string {
  return JSON.stringify(path.map(String))
}
