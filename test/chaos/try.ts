import { runScenario } from './run-scenario.ts'
import { scenarios } from './scenarios/index.ts'
import { describeViolations } from './validators/validate.ts'
const [name, seed = '1', version = 'current'] = process.argv.slice(2)
for (const n of name!.split(',')) {
  const scenario = scenarios.find((each) => each.name === n)!
  try {
    const { result } = await runScenario(scenario, { seed: Number(seed), version: version as 'current', isShort: !process.env.LONG })
    const { violations, ...rest } = result
    console.log(JSON.stringify(rest))
    console.log(describeViolations(violations, 12))
  } catch (e) { console.log(n, 'FAILED', e) }
}
console.log(process.getActiveResourcesInfo().join(','))
