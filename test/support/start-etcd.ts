import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EtcdBinaries } from '../../scripts/etcd/etcd-binaries.ts'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { type EtcdKind, getEtcdOfKind } from './etcd-kind.ts'
import { freePorts } from './free-ports.ts'
import type { Certificates } from './make-certificates.ts'
import type { NetworkHost } from './network-hosts.ts'
import { patientEtcdctl } from './patient-etcdctl.ts'
import { isStopped, RunningEtcd } from './running-etcd.ts'
import { waitFor } from './wait-for.ts'

/** Options of {@link startEtcd}. */
export interface StartEtcdOptions {
  /** The kind to run. Default: a real one, whichever the machine has. */
  readonly version?: EtcdKind
  /** Further arguments of the server; they win over ours. */
  readonly args?: readonly string[]
  /** Serves clients over TLS with these certificates. `requireClient` asks every client for one. */
  readonly tls?: { readonly certificates: Certificates; readonly requireClient?: boolean }
  /** Makes a user `root` with this password and switches auth on. */
  readonly auth?: { readonly password: string }
  /** Keeps the data here and leaves it there. Default: a temporary folder, removed by `close()`. */
  readonly dataDir?: string
  /** The client port on 127.0.0.1. Default: a free one. */
  readonly port?: number
  /** How long the server may take to be ready. Default 30,000. */
  readonly startTimeoutMs?: number
  /** For members of a cluster: name, peer port, and the other arguments of `--initial-cluster`. */
  readonly member?: ClusterMember
}

/** What a server has to know of the cluster it is a member of. */
export interface ClusterMember {
  readonly name: string
  readonly peerPort: number
  /** What the others are told to dial; a proxy's URL, to be able to cut the member off. */
  readonly advertisedPeerUrl: string
  readonly initialCluster: string
  /** Where it runs. Default: here, on loopback. */
  readonly host?: NetworkHost
}

/** Options of {@link EtcdServer.restart}. */
export interface RestartOptions {
  /** Replaces the further arguments given to `startEtcd`. */
  readonly args?: readonly string[]
  /** Throws the data away first: the same address then answers as another cluster. */
  readonly emptyData?: boolean
  /**
   * Throws the data away and begins with those of a snapshot that `saveSnapshot` wrote: as another cluster, and as etcd
   * does it, in the raft term of a new one.
   */
  readonly snapshotFile?: string
  /** Throws the data away and begins with a copy of this folder, the `dataDir` of a stopped etcd: that one's identity too. */
  readonly dataFrom?: string
  /**
   * With `emptyData` or `snapshotFile`: keeps the name, the token and so the ids of cluster and member, as an operator
   * does who wipes a data directory and starts the same command again. To fill the store before a client sees it,
   * have the client come through a proxy that refuses it so long.
   */
  readonly keepIdentity?: boolean
}

/** An etcd of ours, on loopback or on a host of its own. */
export interface EtcdServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or `https://…` with TLS; with another address on a host of its own. */
  readonly endpoint: string
  /** All client URLs; one for a single server. */
  readonly clientUrls: readonly string[]
  /** Version of the server, such as `3.5.30`. */
  readonly version: string
  readonly port: number
  readonly dataDir: string
  /** Process id; `undefined` while it is stopped. */
  readonly pid: number | undefined
  /** The end of what the server has logged. */
  readonly log: string
  /** Ends the server and waits until it is gone. Data and port stay for `restart`. Default `SIGTERM`. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** `stop('SIGKILL')`. */
  kill(): Promise<void>
  /** Starts it again on the same port with the same data, stopping it first if it runs. Resolves when it is ready. */
  restart(options?: RestartOptions): Promise<void>
  /** Freezes the process: connections stay open and nothing answers. Resolves when the last of its threads stands still. */
  pause(): Promise<void>
  /** Lets a frozen process go on. */
  resume(): void
  /** Path of the `etcdctl` that belongs to it. */
  readonly etcdctlPath: string
  /** Runs `etcdctl` against it, with its certificates and password, and returns what it printed. */
  etcdctl(args: readonly string[], input?: string): Promise<string>
  /** Saves the store to a file for `restart({ snapshotFile })`, as an operator does. Such a test says `needs('snapshot')`. */
  saveSnapshot(file: string): Promise<void>
  /** Resolves when the server says it is healthy, which includes having a leader. */
  ready(): Promise<void>
  /** Kills the server and removes the data folder if it was ours. */
  close(): Promise<void>
}

/**
 * Starts an etcd on free ports of 127.0.0.1 and waits until it is healthy.
 *
 * @throws Error with the end of its log when it does not come up.
 */
export async function startEtcd(options: StartEtcdOptions = {}): Promise<EtcdServer> {
  const binaries = await getEtcdOfKind(options.version)
  for (let attempt = 1; ; attempt += 1) {
    const server = await launchEtcd(binaries, options)
    try {
      await server.ready()
      if (options.auth !== undefined) await server.enableAuth(options.auth.password)
      return server
    } catch (error) {
      const isPortTaken = /address already in use/.test(server.log)
      await server.close()
      if (!isPortTaken || options.port !== undefined || options.member !== undefined || attempt === 5)
        throw error
    }
  }
}

/** As {@link startEtcd}, without waiting: the first member of a cluster is not healthy before the second is up. */
export async function launchEtcd(binaries: EtcdBinaries, options: StartEtcdOptions): Promise<LaunchedEtcd> {
  const [port, peerPort] = await freePorts(2)
  return new LaunchedEtcd(
    binaries,
    options,
    options.port ?? port ?? 0,
    options.member?.peerPort ?? peerPort ?? 0,
  )
}

/** The one implementation of {@link EtcdServer}. */
export class LaunchedEtcd implements EtcdServer {
  readonly port: number
  readonly dataDir: string
  readonly version: string
  readonly endpoint: string
  readonly #binaries: EtcdBinaries
  readonly #options: StartEtcdOptions
  readonly #peerPort: number
  readonly #address: string
  #args: readonly string[]
  #running: RunningEtcd
  #password: string | undefined
  #generation = 0

  constructor(binaries: EtcdBinaries, options: StartEtcdOptions, port: number, peerPort: number) {
    this.#binaries = binaries
    this.#options = options
    this.#peerPort = peerPort
    this.#args = options.args ?? []
    this.port = port
    this.version = binaries.version
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'livetree-etcd-'))
    this.#address = options.member?.host?.address ?? '127.0.0.1'
    this.endpoint = `${options.tls === undefined ? 'http' : 'https'}://${this.#address}:${port}`
    this.#running = this.#run()
  }

  get clientUrls(): readonly string[] {
    return [this.endpoint]
  }

  get etcdctlPath(): string {
    return this.#binaries.etcdctl
  }

  get pid(): number | undefined {
    return this.#running.pid
  }

  get log(): string {
    return this.#running.log
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#running.end(signal)
  }

  async kill(): Promise<void> {
    await this.#running.end('SIGKILL')
  }

  async restart(options: RestartOptions = {}): Promise<void> {
    const { emptyData = false, snapshotFile, dataFrom } = options
    const isReplaced = emptyData || snapshotFile !== undefined || dataFrom !== undefined
    // What is thrown away need not be put in order first: with a watch open, etcd 3.5 takes seven seconds for that.
    await this.stop(isReplaced ? 'SIGKILL' : 'SIGTERM')
    if (isReplaced) {
      rmSync(this.dataDir, { recursive: true, force: true })
      if (emptyData) this.#password = undefined
      if (options.keepIdentity !== true) this.#generation += 1
      if (snapshotFile !== undefined) await this.#restoreSnapshot(snapshotFile)
      if (dataFrom !== undefined) cpSync(dataFrom, this.dataDir, { recursive: true })
    }
    this.#args = options.args ?? this.#args
    this.#running = this.#run()
    await this.ready()
  }

  async pause(): Promise<void> {
    this.#running.signal('SIGSTOP')
    const { pid } = this.#running
    await waitFor(() => pid === undefined || isStopped(pid), { what: `etcd ${this.version} to stand still` })
  }

  resume(): void {
    this.#running.signal('SIGCONT')
  }

  async etcdctl(args: readonly string[], input?: string): Promise<string> {
    const { tls } = this.#options
    const certificates = tls?.certificates
    const settings = [
      ...patientEtcdctl,
      `--endpoints=${this.endpoint}`,
      ...(certificates === undefined ? [] : [`--cacert=${certificates.ca}`]),
      ...(certificates !== undefined && tls?.requireClient
        ? [`--cert=${certificates.client.cert}`, `--key=${certificates.client.key}`]
        : []),
      ...(this.#password === undefined ? [] : [`--user=root:${this.#password}`]),
    ]
    const result = await runBounded(this.#binaries.etcdctl, [...settings, ...args], {
      timeoutMs: 30_000,
      env: { ...process.env, ETCDCTL_API: '3' },
      ...(input === undefined ? {} : { input }),
    })
    if (result.code === 0) return result.stdout
    throw new Error(`etcdctl ${args.join(' ')}: ${result.ending}: ${(result.stderr || result.stdout).trim()}`)
  }

  async saveSnapshot(file: string): Promise<void> {
    await this.etcdctl(['snapshot', 'save', file])
  }

  async ready(): Promise<void> {
    const timeoutMs = this.#options.startTimeoutMs ?? 30_000
    const running = this.#running
    try {
      await waitFor(async () => running.pid === undefined || (await this.#isHealthy()), {
        timeoutMs,
        what: `etcd ${this.version} on ${this.endpoint} to be healthy`,
      })
      if (running.pid === undefined) throw new Error(`etcd ${this.version} ended: ${running.ending}`)
    } catch (error) {
      throw new Error(`${(error as Error).message}\nThe end of its log:\n${running.log.slice(-4000)}`, {
        cause: error,
      })
    }
  }

  /** Makes the user `root` and switches auth on; `etcdctl` uses it from then on. */
  async enableAuth(password: string): Promise<void> {
    await this.etcdctl(['user', 'add', `root:${password}`])
    await this.etcdctl(['user', 'grant-role', 'root', 'root'])
    await this.etcdctl(['auth', 'enable'])
    this.usePassword(password)
  }

  /** Makes `etcdctl` log in as `root`; for the members of a cluster on which another one enabled auth. */
  usePassword(password: string): void {
    this.#password = password
  }

  async close(): Promise<void> {
    await this.kill()
    if (this.#options.dataDir === undefined) rmSync(this.dataDir, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** What the ids of cluster and member are made from, beside the data directory. */
  get #identity(): Record<string, string> {
    const member = this.#options.member ?? {
      name: 'single',
      advertisedPeerUrl: `http://127.0.0.1:${this.#peerPort}`,
      initialCluster: `single=http://127.0.0.1:${this.#peerPort}`,
    }
    return {
      name: member.name,
      'data-dir': this.dataDir,
      'initial-advertise-peer-urls': member.advertisedPeerUrl,
      'initial-cluster': member.initialCluster,
      // The cluster's id is made from its peers and this; with the same one, an emptied store would pass for the old.
      'initial-cluster-token': `livetree-${this.#generation}`,
    }
  }

  async #restoreSnapshot(file: string): Promise<void> {
    const args = ['snapshot', 'restore', file, ...argumentsOf(this.#identity)]
    const env = { ...process.env, ETCDCTL_API: '3' }
    const result = await runBounded(this.#binaries.etcdctl, args, { timeoutMs: 30_000, env })
    if (result.code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${result.ending}: ${result.stderr}`)
  }

  #run(): RunningEtcd {
    const { tls } = this.#options
    const settings = {
      ...this.#identity,
      'listen-client-urls': this.endpoint,
      'advertise-client-urls': this.endpoint,
      'listen-peer-urls': `http://${this.#address}:${this.#peerPort}`,
      logger: 'zap',
      'log-outputs': 'stderr',
      ...(tls === undefined
        ? {}
        : {
            'cert-file': tls.certificates.server.cert,
            'key-file': tls.certificates.server.key,
            // A trusted CA alone makes etcd ask every client for a certificate, whatever client-cert-auth says.
            ...(tls.requireClient
              ? { 'trusted-ca-file': tls.certificates.ca, 'client-cert-auth': 'true' }
              : {}),
          }),
    }
    const args = argumentsOf(settings)
    const ownFolder = this.#options.dataDir === undefined ? this.dataDir : undefined
    const launcher = this.#options.member?.host?.launcher ?? []
    const [program, ...rest] = [...launcher, this.#binaries.etcd, ...args, ...this.#args]
    return new RunningEtcd(program!, rest, ownFolder)
  }

  #isHealthy(): Promise<boolean> {
    const { tls } = this.#options
    const options = { timeout: 2_000, agent: false }
    return new Promise((resolve, reject) => {
      const request =
        tls === undefined
          ? requestHttp(`${this.endpoint}/health`, options)
          : requestHttps(`${this.endpoint}/health`, {
              ...options,
              ca: readFileSync(tls.certificates.ca),
              cert: readFileSync(tls.certificates.client.cert),
              key: readFileSync(tls.certificates.client.key),
            })
      request.on('timeout', () => request.destroy(new Error('no answer within 2 s')))
      request.on('error', reject)
      request.on('response', (response) => {
        response.resume()
        response.on('error', reject)
        response.on('end', () => resolve(response.statusCode === 200))
      })
      request.end()
    })
  }
}

function argumentsOf(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
}
