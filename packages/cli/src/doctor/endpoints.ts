import { createEtcdClient, EtcdError, type MemberStatus } from '@livetree/etcd'
import { failure } from './failure.ts'
import type { DoctorContext, Finding } from './finding.ts'

/** How long one endpoint may take. */
const MOST_MS = 3_000

/** Each endpoint alone: whether it is reached, by TLS or not, as which version and how quickly. */
export async function checkEndpoints({ session, opened }: DoctorContext): Promise<readonly Finding[]> {
  const options = opened.clientOptions
  const endpoints = [options.endpoints ?? []].flat()
  if (endpoints.length === 0)
    return [
      {
        check: 'endpoints',
        status: 'skipped',
        what: 'The endpoints are found in DNS, or by a client of the code.',
      },
    ]
  const timeoutMs = Math.min(MOST_MS, session.deadline.callMs / 2)
  const found = await Promise.all(endpoints.map((endpoint) => checkEndpoint(endpoint, options, timeoutMs)))
  const clusters = new Set(found.flatMap(({ status }) => status?.clusterId ?? []))
  const mixed: readonly Finding[] =
    clusters.size < 2
      ? []
      : [
          {
            check: 'cluster',
            status: 'failed',
            what: `The endpoints belong to ${clusters.size} clusters.`,
            remedy: 'Name the endpoints of one cluster.',
            exitCode: 8,
          },
        ]
  return [...found.map(({ finding }) => finding), ...mixed]
}

async function checkEndpoint(
  endpoint: string,
  options: DoctorContext['opened']['clientOptions'],
  timeoutMs: number,
): Promise<{ readonly finding: Finding; readonly status?: MemberStatus }> {
  const check = `endpoint ${endpoint}`
  let last: unknown
  const logger = { debug: note, info: note, warn: note, error: note }
  function note(_: string, fields?: object): void {
    last = (fields as { readonly error?: unknown } | undefined)?.error ?? last
  }
  const client = createEtcdClient({ ...options, endpoints: [endpoint], logger })
  try {
    const startedAt = performance.now()
    const status = await client.maintenance.status({ timeoutMs })
    const ms = (performance.now() - startedAt).toFixed(0)
    const role = status.isLeader ? 'leader' : status.isLearner ? 'learner' : 'follower'
    const usage = `${(status.dbSize / 1024 / 1024).toFixed(1)} MiB`
    const what = `etcd ${status.version}, ${role}, revision ${status.revision}, ${usage}, ${ms} ms`
    if (status.errors.length > 0)
      return {
        status,
        finding: {
          check,
          status: 'warning',
          what: `${what}: ${status.errors.join('; ')}`,
          remedy: 'See etcdctl alarm list.',
        },
      }
    return { status, finding: { check, status: 'ok', what } }
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'permission_denied')
      return { finding: { check, status: 'ok', what: 'reached; this user may not ask for its version' } }
    const isLate = error instanceof EtcdError && error.code === 'deadline_exceeded'
    return { finding: failureOf(check, isLate && last instanceof EtcdError ? last : error) }
  } finally {
    await client.close()
  }
}

function failureOf(check: string, error: unknown): Finding {
  const found = failure(check, error)
  return { ...found, exitCode: found.exitCode === 124 ? 8 : (found.exitCode ?? 8) }
}
