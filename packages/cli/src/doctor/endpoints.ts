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
    const isLate = error instanceof EtcdError && error.code === 'deadline_exceeded'
    return { finding: failureOf(check, isLate && last instanceof EtcdError ? last : error, endpoint) }
  } finally {
    await client.close()
  }
}

function failureOf(check: string, error: unknown, endpoint: string): Finding {
  const found = failure(check, error)
  const reason = tlsReason(error)
  if (reason === undefined) return { ...found, exitCode: found.exitCode === 124 ? 8 : (found.exitCode ?? 8) }
  return { ...found, what: `TLS: ${reason.what}`, remedy: reason.remedy(endpoint), exitCode: 8 }
}

interface TlsReason {
  readonly what: string
  remedy(endpoint: string): string
}

/** What the reasons of Node and OpenSSL mean for who sets etcd up. */
const TLS_REASONS: Readonly<Record<string, TlsReason>> = {
  SELF_SIGNED_CERT_IN_CHAIN: authority('signed by an authority that is not trusted here'),
  DEPTH_ZERO_SELF_SIGNED_CERT: authority('signed by itself'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: authority('signed by an authority that is not trusted here'),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: authority('signed by an authority that is not trusted here'),
  CERT_SIGNATURE_FAILURE: authority('not signed by the authority of --cacert'),
  CERT_HAS_EXPIRED: {
    what: 'the certificate of etcd has expired.',
    remedy: () => 'Renew the certificate of etcd (--cert-file), and check the clock of this machine.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: 'the certificate of etcd is for another name.',
    remedy: (endpoint) =>
      `Use a name of the certificate in the endpoint, or add ${new URL(endpoint).hostname} to its subjectAltName.`,
  },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    what: 'etcd answered without TLS.',
    remedy: (endpoint) => `Write ${endpoint.replace('https:', 'http:')}, or have etcd listen with TLS.`,
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: clientCertificate(
    'asks for a certificate of the client, and none was sent',
  ),
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: clientCertificate('does not accept the certificate of the client'),
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: clientCertificate(
    'does not know the authority that signed the certificate of the client',
  ),
  ERR_SSL_TLS_ALERT_BAD_CERTIFICATE: clientCertificate('does not accept the certificate of the client'),
}

function authority(why: string): TlsReason {
  return {
    what: `the certificate of etcd is ${why}.`,
    remedy: () => 'Give the authority that signed it: --cacert FILE (etcd names it in --trusted-ca-file).',
  }
}

function clientCertificate(why: string): TlsReason {
  return {
    what: `etcd ${why}.`,
    remedy: () => 'Give a certificate that the --trusted-ca-file of etcd signed: --cert FILE --key FILE.',
  }
}

function tlsReason(error: unknown): TlsReason | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; depth++) {
    const { code } = cause as { readonly code?: unknown }
    const reason = typeof code === 'string' ? TLS_REASONS[code] : undefined
    if (reason !== undefined) return reason
    cause = cause.cause
  }
  return undefined
}
