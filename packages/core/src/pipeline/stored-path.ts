import { childPlan, type Plan, type PropertyPlan, unwrap } from '../schema/plan.ts'
import type { LayerInfo } from '../source/source.ts'
import { encodeSegment } from './document.ts'

/** The path of a leaf as its layer writes it: the way back from the schema's names. */
export function storedPath(plan: Plan, path: readonly PropertyKey[], layer: LayerInfo): string {
  let at: Plan | undefined = plan
  const segments: string[] = []
  for (const key of path) {
    const name = String(key)
    const property = at === undefined ? undefined : propertyOf(at, name)
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

function propertyOf(plan: Plan, name: string): PropertyPlan | undefined {
  const { core } = unwrap(plan)
  switch (core.type) {
    case 'object':
      return core.properties.get(name)
    case 'union':
      for (const option of core.options) {
        const found = propertyOf(option, name)
        if (found !== undefined) return found
      }
      return undefined
    case 'intersection':
      return propertyOf(core.left, name) ?? propertyOf(core.right, name)
    default:
      return undefined
  }
}
