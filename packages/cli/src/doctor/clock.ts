import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { DoctorContext, Finding } from './finding.ts'

/** More is worth a warning: records are ordered by revision, but people read their times. */
const MOST_SKEW_MS = 5_000

/** The clock of this machine against that of etcd, which it says over HTTP to the second. */
export async function checkClock({ session, opened }: DoctorContext): Promise<readonly Finding[]> {
  const [endpoint] = [opened.clientOptions.endpoints ?? []].flat()
  const skipped = (what: string): readonly Finding[] => [{ check: 'clock', status: 'skipped', what }]
  if (endpoint === undefined) return skipped('There is no endpoint to ask.')
  const { tls } = opened.clientOptions
  const options = typeof tls === 'function' ? tls() : tls
  const url = new URL(
    '/health',
    endpoint.includes('://') ? endpoint : `${tls === undefined ? 'http' : 'https'}://${endpoint}`,
  )
  const startedAt = Date.now()
  const date = await dateOf(url, options, Math.min(2_000, session.deadline.callMs))
  if (date === undefined) return skipped('etcd says no time.')
  const now = Date.now()
  // The header has whole seconds, and is from some moment of the request.
  const skew = date + 1_000 < startedAt ? startedAt - date - 1_000 : date > now ? date - now : 0
  const what =
    skew === 0 ? 'agrees with that of etcd' : `differs from that of etcd by ${(skew / 1_000).toFixed(1)} s`
  if (skew <= MOST_SKEW_MS) return [{ check: 'clock', status: 'ok', what }]
  return [
    {
      check: 'clock',
      status: 'warning',
      what,
      remedy: 'Set both by NTP: the times in the history are those of the writers.',
    },
  ]
}

function dateOf(url: URL, tls: object | undefined, timeoutMs: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request =
      url.protocol === 'https:'
        ? requestHttps(url, { ...tls, agent: false })
        : requestHttp(url, { agent: false })
    const done = (date: number | undefined) => {
      request.destroy()
      resolve(date)
    }
    request.setTimeout(timeoutMs, () => done(undefined))
    request.on('error', () => done(undefined))
    request.on('response', ({ headers }) => {
      const date = Date.parse(headers.date ?? '')
      done(Number.isNaN(date) ? undefined : date)
    })
    request.end()
  })
}
