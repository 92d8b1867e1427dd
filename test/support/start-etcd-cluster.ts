import { rmSync } from 'node:fs'
import type { EtcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import { getEtcd } from '../../scripts/etcd/get-etcd.ts'
import { freePorts } from './free-ports.ts'
import { type EtcdServer, type LaunchedEtcd, launchEtcd, type StartEtcdOptions } from './start-etcd.ts'
import { type TcpProxy, startProxy } from './start-proxy.ts'
import { waitFor } from './wait-for.ts'

/** Options of {@link startEtcdCluster}, for all members alike. */
export interface StartClusterOptions extends Pick<StartEtcdOptions, 'args' | 'tls' | 'auth'> {
  /** The series to run. Default: whichever the machine has. */
  readonly version?: EtcdSeries
}

/** Several real etcds of ours that form one cluster, on loopback. */
export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly EtcdServer[]
  /** The client URLs of all members. */
  readonly endpoints: readonly string[]
  readonly version: string
  /** The member that leads now; waits through an election, and asks only members that run. */
  leader(): Promise<EtcdServer>
  /** The id of a member as etcdctl writes it: hexadecimal. */
  memberId(member: EtcdServer): string
  /** Makes another member the leader. */
  moveLeader(to: EtcdServer): Promise<void>
  /** Cuts a member off from the others. Clients still reach it. */
  isolate(member: EtcdServer): void
  /** Ends every isolation. */
  rejoin(): void
  /** Makes a user `root` with this password and switches auth on; the members' `etcdctl` uses it from then on. */
  enableAuth(password: string): Promise<void>
  /**
   * Kills all members, gives each the data of a snapshot (as `etcdctl snapshot save` writes it) and starts them again, as
   * another cluster: its id and those of its members differ from before.
   */
  restore(snapshotFile: string): Promise<void>
  /** Kills all members and removes their data. */
  close(): Promise<void>
}

/** Starts a cluster on free ports of 127.0.0.1 and waits until every member is healthy. */
export async function startEtcdCluster(
  size: number,
  options: StartClusterOptions = {},
): Promise<EtcdCluster> {
  const { version, auth, ...forAll } = options
  const binaries = await getEtcd(version === undefined ? {} : { version })
  const cutOff = new Set<string>()
  const peerPorts = await freePorts(size)
  const started: (TcpProxy | LaunchedEtcd)[] = []
  const closeAll = async () => {
    await Promise.all(started.map((one) => one.close()))
  }
  try {
    // Members dial each other through these, and say who they are in every request.
    const links = await Promise.all(peerPorts.map((port) => startLink(port, cutOff)))
    started.push(...links)
    const initialCluster = initialClusterOf(links)
    const members = await Promise.all(
      peerPorts.map((peerPort, index) => {
        const advertisedPeerUrl = links[index]?.endpoint ?? ''
        return launchEtcd(binaries, {
          ...forAll,
          member: { name: `m${index}`, peerPort, advertisedPeerUrl, initialCluster },
        })
      }),
    )
    started.push(...members)
    await Promise.all(members.map((member) => member.ready()))
    const cluster = new RunningCluster(members, links, cutOff, await readMemberIds(members), closeAll)
    if (auth !== undefined) await cluster.enableAuth(auth.password)
    return cluster
  } catch (error) {
    await closeAll()
    throw error
  }
}

class RunningCluster implements EtcdCluster {
  readonly members: readonly LaunchedEtcd[]
  readonly version: string
  readonly #links: readonly TcpProxy[]
  readonly #cutOff: Set<string>
  #ids: ReadonlyMap<EtcdServer, string>
  #restored = 0
  readonly close: () => Promise<void>

  constructor(
    members: readonly LaunchedEtcd[],
    links: readonly TcpProxy[],
    cutOff: Set<string>,
    ids: ReadonlyMap<EtcdServer, string>,
    close: () => Promise<void>,
  ) {
    this.members = members
    this.version = members[0]?.version ?? ''
    this.#links = links
    this.#cutOff = cutOff
    this.#ids = ids
    this.close = close
  }

  get endpoints(): readonly string[] {
    return this.members.map((member) => member.endpoint)
  }

  async leader(): Promise<EtcdServer> {
    const isLeader = async (member: EtcdServer) => {
      const status = await member.etcdctl(['endpoint', 'status', '--write-out=json', '--command-timeout=2s'])
      return /"member_id":(\d+)/.exec(status)?.[1] === /"leader":(\d+)/.exec(status)?.[1]
    }
    return await waitFor(
      async () => {
        const running = this.members.filter((member) => member.pid !== undefined && !this.#isCutOff(member))
        const answers = await Promise.allSettled(running.map(isLeader))
        return running.find((_, index) => {
          const answer = answers[index]
          return answer?.status === 'fulfilled' && answer.value
        })
      },
      { timeoutMs: 20_000, what: 'a leader' },
    )
  }

  memberId(member: EtcdServer): string {
    const id = this.#ids.get(member)
    if (id === undefined) throw new Error(`${member.endpoint} is no member of this cluster`)
    return id
  }

  async moveLeader(to: EtcdServer): Promise<void> {
    const leader = await this.leader()
    if (leader !== to) await leader.etcdctl(['move-leader', this.memberId(to)])
  }

  isolate(member: EtcdServer): void {
    this.#cutOff.add(this.memberId(member))
    const own = this.members.findIndex((each) => each === member)
    this.#links[own]?.stall()
    // Who is cut off shows when a connection says whose it is, so all are made to say it again.
    for (const link of this.#links) link.cutAll()
  }

  rejoin(): void {
    this.#cutOff.clear()
    for (const link of this.#links) {
      link.heal()
      link.cutAll()
    }
  }

  async enableAuth(password: string): Promise<void> {
    await this.members[0]?.enableAuth(password)
    for (const member of this.members) member.usePassword(password)
  }

  async restore(snapshotFile: string): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()))
    this.#restored += 1
    const cluster = [
      `--initial-cluster=${initialClusterOf(this.#links)}`,
      `--initial-cluster-token=restored-${this.#restored}`,
    ]
    const restoring = this.members.map(async (member, index) => {
      rmSync(member.dataDir, { recursive: true })
      const own = [`--name=m${index}`, `--initial-advertise-peer-urls=${this.#links[index]?.endpoint}`]
      const to = `--data-dir=${member.dataDir}`
      await member.etcdctl(['snapshot', 'restore', snapshotFile, to, ...own, ...cluster])
    })
    await Promise.all(restoring)
    await Promise.all(this.members.map((member) => member.restart()))
    this.#ids = await readMemberIds(this.members)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #isCutOff(member: EtcdServer): boolean {
    return this.#cutOff.has(this.memberId(member))
  }
}

function initialClusterOf(links: readonly TcpProxy[]): string {
  return links.map((link, index) => `m${index}=${link.endpoint}`).join(',')
}

function startLink(peerPort: number, cutOff: ReadonlySet<string>): Promise<TcpProxy> {
  return startProxy({
    target: `http://127.0.0.1:${peerPort}`,
    admit(bytes) {
      if (cutOff.size === 0) return true
      const sender = /^x-server-from: ([0-9a-f]+)/im.exec(bytes.toString('latin1', 0, 2048))?.[1]
      return sender === undefined || !cutOff.has(sender)
    },
  })
}

async function readMemberIds(members: readonly EtcdServer[]): Promise<Map<EtcdServer, string>> {
  const rows = (await members[0]?.etcdctl(['member', 'list', '--write-out=simple'])) ?? ''
  return new Map(
    members.map((member, index) => {
      const id = new RegExp(`^([0-9a-f]+), [^,]*, m${index},`, 'm').exec(rows)?.[1]
      if (id === undefined) throw new Error(`m${index} is not in the member list:\n${rows}`)
      return [member, id]
    }),
  )
}
