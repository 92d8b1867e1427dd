import { describe, expect, test } from 'vitest'
import { targets } from './targets.ts'

/** Another one each day, so that what CI tries adds up; the report of a failure says which it was. */
const SEED = Math.floor(Date.now() / 86_400_000)

describe('bad input', () => {
  test.each(targets)('$name: $what', async ({ name, shortCases, run }) => {
    const { failure } = await run({ cases: shortCases, seed: SEED })
    if (failure === undefined) return
    expect.fail(
      `npm run fuzz -- --target ${name} --seed ${SEED} --path ${failure.path}\n${failure.report.slice(0, 4_000)}`,
    )
  })
})
