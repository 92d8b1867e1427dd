import { createHash } from 'node:crypto'
import { childPlan, parts, type Plan } from './plan.ts'

/** Hash of a schema's shape: kinds and names, not checks or defaults. Equal shapes read the same trees. */
export function fingerprintOf(plan: Plan): string {
  const numbers = new Map<Plan, number>()
  const lines: string[] = []
  const visit = (at: Plan): number => {
    const known = numbers.get(at)
    if (known !== undefined) return known
    const number = numbers.size
    numbers.set(at, number)
    const names = at.type === 'object' ? [...at.properties.values()].map((property) => property.stored) : []
    const inner = parts(at).map(visit)
    lines.push(`${number} ${at.schema._zod.def.type} ${JSON.stringify(names)} ${inner.join(',')}`)
    return number
  }
  visit(plan)
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32)
}

/** Whether what a path leads to is secret, or lies in something secret. Where the schema offers several readings, any will do. */
export function isSecretAt(plan: Plan, path: readonly PropertyKey[]): boolean {
  if (plan.isSecret) return true
  if (!plan.hasSecret) return false
  if (plan.type === 'wrapper') return isSecretAt(plan.inner, path)
  if (plan.type === 'union') return plan.options.some((option) => isSecretAt(option, path))
  if (plan.type === 'intersection') return isSecretAt(plan.left, path) || isSecretAt(plan.right, path)
  const below = path.length === 0 ? undefined : childPlan(plan, String(path[0]))
  return below !== undefined && isSecretAt(below, path.slice(1))
}

/** Whether a raw value at a path may be shown to anyone: the schema knows the place, and nothing in it is secret. */
export function isOpenAt(plan: Plan, path: readonly PropertyKey[]): boolean {
  const at = planAt(plan, path)
  return at !== undefined && at.schema._zod.def.type !== 'never' && !at.hasSecret && !isSecretAt(plan, path)
}

/** The plan of what a path leads to, as far as the schema knows one. */
export function planAt(plan: Plan, path: readonly PropertyKey[]): Plan | undefined {
  let at: Plan | undefined = plan
  for (const segment of path) at = at === undefined ? undefined : childPlan(at, String(segment))
  return at
}
