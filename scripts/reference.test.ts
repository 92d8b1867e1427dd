import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeReference } from './reference.ts'

const page = makeReference()

test('docs/reference.md is current: npm run reference writes it', () => {
  expect(readFileSync(new URL('../docs/reference.md', import.meta.url), 'utf8')).toBe(page)
})

test('makeReference: every export has its doc comment, every option its own', () => {
  const sections = page.split(/^### /m).slice(1)
  expect(sections.length).toBeGreaterThan(50)
  for (const name of ['cron', 'joinFleet', 'InstanceRecord']) expect(page).toContain(`\n### ${name}\n`)
  for (const section of sections) {
    const [name = '', ...lines] = section.split('\n')
    const first = lines.find((line) => line !== '')
    expect(first?.startsWith('```'), `${name} has no doc comment`).toBe(false)
  }
  for (const option of [
    'aliases',
    'emptyAsUnset',
    'profile',
    'expand',
    'overlays',
    'onUnavailable',
    'drainMs',
    'maxRemovedShare',
    'ttlSeconds',
    'servedFrom',
  ])
    expect(page).toMatch(new RegExp(`^- .*\\b${option}\\??[:(].*\\n? `, 'm'))
})

test('makeReference: every code has a meaning and a remedy', () => {
  const rows = page.split('\n').filter((line) => /^\| `[a-z_]+` \|/.test(line))
  expect(rows.length).toBeGreaterThan(40)
  for (const row of rows)
    expect(
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .every((cell) => cell.trim().length > 3),
    ).toBe(true)
})
