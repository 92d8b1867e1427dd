import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CLI_PAGE, cliPage } from './cli-page.ts'

test('docs/cli.md is what `npm run reference` writes', () => {
  expect(readFileSync(CLI_PAGE, 'utf8')).toBe(cliPage())
})
