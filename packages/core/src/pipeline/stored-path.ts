import { childPlan, type Plan, type PropertyPlan, propertyOf } from '../schema/plan.ts'
import type { LayerInfo } from '../source/source.ts'
import { encodeSegment } from './document.ts'

/** The path of a leaf as its layer writes it: the way back from the schema's names. */
export function storedPath(plan: Plan, path: readonly PropertyKey[], layer: LayerInfo): string {
  let at: Plan | undefined = plan
  const segments: string[] = []
  for (const key of path) {
    const name = String(key)
    const property = at === undefined ? undefined : propertyOf(at, name, 'properties')
    segments.push(layerName(name, property, layer))
    at = at === undefined ? undefined : childPlan(at, name)
  }
  return segments.join(layer.separator)
}

function layerName(name: string, property: PropertyPlan | undefined, layer: LayerInfo): string {
  if (layer.naming === 'env') return property?.environment ?? name.toUpperCase()
  const written = layer.naming === 'stored' && property !== undefined ? property.stored : name
  return layer.separator === '/' ? encodeSegment(written) : written
}
