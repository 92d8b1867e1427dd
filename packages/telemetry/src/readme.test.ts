import { channel, subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stripTypeScriptTypes } from 'node:module'
import { metrics, trace } from '@opentelemetry/api'
import { register } from 'prom-client'
import { expect, test } from 'vitest'
import { METRICS } from './metrics.ts'
import { instrument } from './opentelemetry/index.ts'
import { collect } from './prometheus/index.ts'
import type { Telemetry } from './telemetry.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const [prometheus, openTelemetry, channels, ...others] = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(
  (match) => match[1] ?? '',
)

/** Runs a sample as it stands, but for its imports and its port. Returns what it declares, and what it prints. */
function run(sample: string | undefined) {
  const lines: string[] = []
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) }
  const library = { createServer, collect, register, instrument, metrics, trace, subscribe, console }
  const body = stripTypeScriptTypes((sample ?? '').replace(/^import .*$/gm, '').replace('9464', '0'))
  const declared = [...body.matchAll(/^const (\w+)/gm)].map(([, name]) => name)
  const source = `${body}; return { ${declared.join(', ')} }`
  const result: unknown = new Function(...Object.keys(library), source)(...Object.values(library))
  return { ...(result as { readonly telemetry: Telemetry; readonly server: Server }), lines }
}

test('the samples of the README run', async () => {
  expect(others).toEqual([])
  const { telemetry, server } = run(prometheus)
  if (!server.listening) await once(server, 'listening')
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)
  expect(await response.text()).toContain('# TYPE livetree_config_revision gauge')
  telemetry.stop()
  server.close()
  expect(register.getMetricsAsArray()).toEqual([])

  run(openTelemetry).telemetry.stop()

  const { lines } = run(channels)
  channel('livetree:etcd:endpoint').publish({ client: 'etcd', endpoint: 'http://a:1', state: 'away' })
  expect(lines).toEqual(['etcd http://a:1 away'])
})

test('the README has every metric, as the table of the code has it', () => {
  const rows = [...readme.matchAll(/^\| `livetree_.*$/gm)].map(([row]) => row)
  const expected = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`
  })
  expect(rows).toEqual(expected)
})
