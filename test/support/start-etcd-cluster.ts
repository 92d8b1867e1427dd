import { rmSync } from 'node:fs'
import type { EtcdSeries } from '../../scripts/etcd/etcd-binaries.ts'
import { getEtcdOfKind } from './etcd-kind.ts'
import { freePorts } from './free-ports.ts'
import type { NetworkHost } from './network-hosts.ts'
import { hostWires, type PeerWires, proxyWires } from './peer-wires.ts'
import { type EtcdServer, type LaunchedEtcd, launchEtcd, type StartEtcdOptions } from './start-etcd.ts'
import { waitFor } from './wait-for.ts'

/** Options of {@link startEtcdCluster}, for all members alike. */
export interface StartClusterOptions extends Pick<StartEtcdOptions, 'args' | 'tls' | 'auth'> {
  /** The series to run. Default: whichever the machine has. */
  readonly version?: EtcdSeries
  /** Where the members run, one for each, and without TLS. Default: all here, on loopback. */
  readonly hosts?: readonly NetworkHost[]
}

/** Several real etcds of ours that form one cluster. */
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
  /** Cuts a member off from the others. Clients still reach it on loopback, and do not on a host of its own. */
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

/** Starts a cluster on free ports and waits until every member is healthy. */
export async function startEtcdCluster(
  size: number,
  options: StartClusterOptions = {},
): Promise<EtcdCluster> {
  const { version, auth, hosts, ...forAll } = options
  const binaries = await getEtcdOfKind(version)
  const peerPorts = await freePorts(size)
  const started: AsyncDisposable[] = []
  const closeAll = async () => {
    await Promise.all(started.map((one) => one[Symbol.asyncDispose]()))
  }
  try {
    const wires = hosts === undefined ? await proxyWires(peerPorts) : hostWires(hosts, peerPorts)
    started.push(wires)
    const initialCluster = initialClusterOf(wires)
    const members = await Promise.all(
      peerPorts.map((peerPort, index) => {
        const advertisedPeerUrl = wires.urls[index] ?? ''
        const host = hosts?.[index]
        const member = { name: `m${index}`, peerPort, advertisedPeerUrl, initialCluster }
        return launchEtcd(binaries, { ...forAll, member: host === undefined ? member : { ...member, host } })
      }),
    )
    started.push(...members)
    await Promise.all(members.map((member) => member.ready()))
    const cluster = new RunningCluster(members, wires, await readMemberIds(members), closeAll)
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
  readonly #wires: PeerWires
  readonly #cutOff = new Set<EtcdServer>()
  #ids: ReadonlyMap<EtcdServer, string>
  #restored = 0
  readonly close: () => Promise<void>

  constructor(
    members: readonly LaunchedEtcd[],
    wires: PeerWires,
    ids: ReadonlyMap<EtcdServer, string>,
    close: () => Promise<void>,
  ) {
    this.members = members
    this.version = members[0]?.version ?? ''
    this.#wires = wires
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
        const running = this.members.filter((member) => member.pid !== undefined && !this.#cutOff.has(member))
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
    const memberId = this.memberId(member)
    this.#cutOff.add(member)
    this.#wires.isolate((this.members as readonly unknown[]).indexOf(member), memberId)
  }

  rejoin(): void {
    this.#cutOff.clear()
    this.#wires.rejoin()
  }

  async enableAuth(password: string): Promise<void> {
    await this.members[0]?.enableAuth(password)
    for (const member of this.members) member.usePassword(password)
  }

  async restore(snapshotFile: string): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()))
    this.#restored += 1
    const cluster = [
      `--initial-cluster=${initialClusterOf(this.#wires)}`,
      `--initial-cluster-token=restored-${this.#restored}`,
    ]
    const restoring = this.members.map(async (member, index) => {
      rmSync(member.dataDir, { recursive: true })
      const own = [`--name=m${index}`, `--initial-advertise-peer-urls=${this.#wires.urls[index]}`]
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
}

function initialClusterOf({ urls }: PeerWires): string {
  return urls.map((url, index) => `m${index}=${url}`).join(',')
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
