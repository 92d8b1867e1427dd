import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { METRICS } from '@livetree/telemetry'
import { expect, test } from 'vitest'
import { runBounded } from '../../../scripts/etcd/run-bounded.ts'
import { prometheusFor } from '../../support/prometheus.ts'

const folder = fileURLToPath(new URL('../../../observability/', import.meta.url))
const read = (name: string) => readFileSync(`${folder}${name}`, 'utf8')

/** The first run on a machine fetches Prometheus. */
const FETCH_MS = 240_000

test('the alerts fire for what they are for, and for nothing else', {
  timeout: FETCH_MS,
}, async (context) => {
  const { promtool } = await prometheusFor(context)
  for (const args of [
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts.test.yml'],
  ]) {
    const { code, stdout, stderr } = await runBounded(promtool, args, { cwd: folder, timeoutMs: 50_000 })
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
  }
})

test('instances are compared in one way everywhere, and never by job and configuration alone', () => {
  for (const [file, comparisons] of [
    ['alerts.yml', 7],
    ['dashboard.json', 4],
  ] as const) {
    const lists = [...read(file).matchAll(/\b(?:by|on|without|ignoring) \(([^)]*)\)/g)]
      .map(([, labels = '']) => labels.split(', ').filter((label) => label !== 'schema'))
      .filter((labels) => labels.includes('job') && labels.includes('config'))
    expect(lists, file).toEqual(Array.from({ length: comparisons }, () => STORE))
  }
})

/** The labels that tell apart the stores of instances. */
const STORE = ['job', 'namespace', 'cluster', 'environment', 'env', 'region', 'config']

test('every alert is tested, and rules and dashboard name no metric that there is not', () => {
  const alerts = [...read('alerts.yml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name ?? '')
  expect(
    alerts.filter(
      (name) => !read('alerts.test.yml').includes(`"${name}"`) && name !== 'LivetreeConfigRejected',
    ),
  ).toEqual([])
  const known = new Set<string>(Object.keys(METRICS))
  for (const file of ['alerts.yml', 'alerts.test.yml', 'dashboard.json']) {
    const named = [...read(file).matchAll(/livetree_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''))
    expect(
      named.filter((name) => !known.has(name)),
      file,
    ).toEqual([])
  }
  const shown = [...known].filter((name) => !read('dashboard.json').includes(name))
  expect(shown).toEqual([])
})
