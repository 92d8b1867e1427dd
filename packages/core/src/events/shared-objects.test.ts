import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { secret } from '../schema/secret.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { CHANNELS } from './diagnostics.ts'

const login = z.object({ name: z.string(), password: secret(z.string()) })
const definition = defineConfig({
  name: 'shared',
  schema: z.object({
    port: z.number(),
    hosts: z.array(z.object({ name: z.string() })).default([]),
    logins: z.array(login).default([]),
    byName: z.map(z.string(), login).default(new Map()),
  }),
})
const EVENTS = ['ready', 'change', 'rejected', 'unused', 'stale', 'live', 'error'] as const

/** The places in a value where somebody could write: it lists objects, lists, maps and sets, but no errors. */
function writablePlaces(value: unknown, at: string, seen = new Set<unknown>()): string[] {
  if (typeof value !== 'object' || value === null || value instanceof Error || seen.has(value)) return []
  seen.add(value)
  const isCollection = value instanceof Map || value instanceof Set
  const own = isCollection
    ? [...value.entries()].map((entry, index) => [`${index}`, entry[1]])
    : Object.entries(value)
  const isOpen = !Object.isFrozen(value) || (isCollection && isClearable(value))
  const inside = own.flatMap(([name, part]) => writablePlaces(part, `${at}.${name}`, seen))
  return isOpen ? [at, ...inside] : inside
}

function isClearable(value: { clear(): void }): boolean {
  try {
    value.clear()
    return true
  } catch {
    return false
  }
}

test('nobody can write to what others get: events, messages of channels and the status', async () => {
  const source = createManualSource()
  const seen = new Map<string, unknown>()
  for (const name of Object.keys(CHANNELS)) {
    const note = (message: unknown) => void seen.set(`message ${name}`, message)
    subscribe(`livetree:${name}`, note)
    onTestFinished(() => void unsubscribe(`livetree:${name}`, note))
  }
  const loading = definition.load({ sources: [source], logger: false, staleAfterMs: 100 })
  await expect.poll(() => source.isOpen).toBe(true)
  source.replace(1, { port: '1', unknown: '1' })
  await using config = await loading
  for (const name of EVENTS) config.on(name, (event) => void seen.set(`event ${name}`, event))
  config.watch(
    (value) => value.port,
    () => {
      throw new Error('for the event error')
    },
  )
  const check = () => {
    seen.set('status', config.status)
    seen.set('health', config.health)
    expect([...seen].flatMap(([what, value]) => writablePlaces(value, what))).toEqual([])
  }
  check()
  const logins = [{ name: 'ann', password: 'x' }]
  const byName = JSON.stringify({ ann: logins[0] })
  source.patch(2, { port: '2', hosts: '[{"name":"a"}]', logins: JSON.stringify(logins), byName, other: '1' })
  await expect.poll(() => seen.has('event change') && seen.has('event unused')).toBe(true)
  check()
  source.patch(3, { port: 'x', 'hosts/0/name': '1' })
  await expect.poll(() => config.status.rejected).toBeDefined()
  check()
  source.sink.lost({ error: new Error('away'), isFinal: false })
  await expect.poll(() => config.status.state).toBe('stale')
  check()
  source.sink.alive({ revision: 3, provenAt: Date.now() })
  await expect.poll(() => config.status.state).toBe('live')
  check()
  expect([...seen.keys()]).toEqual(
    expect.arrayContaining([
      ...EVENTS.map((name) => `event ${name}`),
      'message change',
      'message rejected',
      'message reload',
    ]),
  )
})
