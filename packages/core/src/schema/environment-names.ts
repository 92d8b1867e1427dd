import { LivetreeError } from '../errors.ts'
import { environmentName } from './naming.ts'
import { parts, type Plan } from './plan.ts'

/**
 * Checks that no two properties of an object stand for the same environment variable. Asked only where there are
 * environment variables: to other sources such names are as good as any.
 *
 * @throws LivetreeError `name_clash`
 */
export function assertEnvironmentNames(plan: Plan, seen = new Set<Plan>()): void {
  if (seen.has(plan)) return
  seen.add(plan)
  for (const { name } of plan.type === 'object' ? plan.properties.values() : []) {
    const variable = environmentName(name)
    const other = plan.type === 'object' ? plan.byEnvironment.get(variable)?.name : undefined
    if (other === undefined || other === name) continue
    throw new LivetreeError(
      'name_clash',
      `Properties "${other}" and "${name}" of one object both map to ${variable} in environment variables. Rename one, or load without env().`,
    )
  }
  for (const inner of parts(plan)) assertEnvironmentNames(inner, seen)
}
