import type { SideWire } from '../src/wire/index.ts'

/** The last name of the prefix of a layer. */
export function lastName(layer: string): string {
  return layer.slice(layer.lastIndexOf('/') + 1)
}

/** A side of a comparison, in words. */
export function sideName({ environment, layer }: SideWire): string {
  const name = layer === '' ? 'all layers' : lastName(layer)
  return environment === '' ? name : `${environment}, ${name}`
}
