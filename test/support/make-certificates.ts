import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'

/** Paths of one certificate and its private key, in PEM. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** What is unusual about a certificate. */
export interface ServerCertificateOptions {
  /** Days from now on for which it is valid. Default 1; -1 for one that has expired. */
  readonly days?: number
  /** The names it is valid for, as in `DNS:localhost`. Default: those of loopback. */
  readonly names?: string
}

/** What {@link makeCertificates} makes; every value is a path. */
export interface Certificates extends AsyncDisposable {
  /** The authority that signed `server` and `client`. */
  readonly ca: string
  /** Valid for `localhost` and `127.0.0.1`, as a server and as a client. */
  readonly server: CertificateFiles
  /** For the client; its common name is the etcd user it stands for. */
  readonly client: CertificateFiles
  /** Another authority, which signed none of the above. */
  readonly wrongCa: string
  /** A client certificate of that other authority. */
  readonly wrongClient: CertificateFiles
  /** Signs another client certificate, for another user. */
  makeClient(commonName: string): Promise<CertificateFiles>
  /** Signs another certificate for the server with the same authority, as a rotation does. */
  makeServer(options?: ServerCertificateOptions): Promise<CertificateFiles>
  /** A certificate for the server that no authority signed. */
  makeSelfSigned(): Promise<CertificateFiles>
  /** Removes the files. */
  close(): Promise<void>
}

/** Makes a throw-away authority and certificates with the machine's `openssl`. Valid for a day. */
export async function makeCertificates(options: { clientName?: string } = {}): Promise<Certificates> {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-tls-'))
  let serial = 0
  const file = (name: string) => join(folder, name)
  const makeAuthority = async (name: string, ...extensions: string[]) => {
    const [cert, key] = [file(`${name}.crt`), file(`${name}.key`)]
    const own = ['-subj', `/CN=${name}`, ...newKey(key), ...extensions]
    await openssl('req', '-x509', '-days', '1', ...own, '-out', cert)
    return { cert, key }
  }
  const sign = async (
    authority: CertificateFiles,
    commonName: string,
    isServer: boolean,
    { days = 1, names = LOOPBACK }: ServerCertificateOptions = {},
  ) => {
    serial += 1
    const name = `${serial}-${isServer ? 'server' : 'client'}`
    const [cert, key, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((e) =>
      file(`${name}.${e}`),
    ) as [string, string, string, string]
    // etcd dials itself with the server's certificate, so that one has to be good for a client as well.
    const usage = `extendedKeyUsage=${isServer ? 'serverAuth,' : ''}clientAuth`
    writeFileSync(extensions, `${usage}\nsubjectAltName=${names}\n`)
    await openssl('req', '-subj', `/CN=${commonName}`, ...newKey(key), '-out', request)
    const by = ['-CA', authority.cert, '-CAkey', authority.key, '-set_serial', String(serial)]
    const validity = ['-days', `${days}`]
    await openssl('x509', '-req', ...validity, '-in', request, ...by, '-extfile', extensions, '-out', cert)
    return { cert, key }
  }
  const authority = await makeAuthority('livetree-test-ca')
  const wrongAuthority = await makeAuthority('livetree-wrong-ca')
  const clientName = options.clientName ?? 'root'
  const close = async () => rmSync(folder, { recursive: true, force: true })
  return {
    ca: authority.cert,
    server: await sign(authority, 'localhost', true),
    client: await sign(authority, clientName, false),
    wrongCa: wrongAuthority.cert,
    wrongClient: await sign(wrongAuthority, clientName, false),
    makeClient: (commonName) => sign(authority, commonName, false),
    makeServer: (given) => sign(authority, 'localhost', true, given),
    makeSelfSigned: () => makeAuthority('localhost', '-addext', `subjectAltName=${LOOPBACK}`),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const LOOPBACK = 'DNS:localhost,IP:127.0.0.1'

const newKey = (path: string) => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:prime256v1',
  '-nodes',
  '-keyout',
  path,
]

async function openssl(...args: string[]): Promise<void> {
  const result = await runBounded('openssl', args, { timeoutMs: 20_000 })
  if (result.code === 0) return
  throw new Error(
    `openssl ${args[0]}: ${result.ending}: ${result.stderr.trim()}. The TLS tests need openssl on PATH.`,
  )
}
