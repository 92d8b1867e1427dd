import { EtcdError } from '../errors.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import type { Member as WireMember } from '../wire/cluster.ts'
import { Cluster } from '../wire/rpc.ts'

/** One member of the cluster. */
export interface Member {
  readonly id: bigint
  /** Empty until the member has started for the first time. */
  readonly name: string
  readonly peerUrls: readonly string[]
  /** Where it says that clients reach it; empty until it has started. */
  readonly clientUrls: readonly string[]
  /** Gets all data but has no vote. */
  readonly isLearner: boolean
}

/** How to add a member. */
export interface AddMemberOptions extends CallOptions {
  /** Where the others will reach it, e.g. `http://10.0.0.4:2380`. */
  readonly peerUrls: readonly string[]
  /** Default false. */
  readonly isLearner?: boolean
}

/** The members of the cluster. Changes are sent once: one whose fate is unknown fails with `outcome_unknown`. */
export interface ClusterService {
  /** Linearizable since etcd 3.5, unless `linearizable: false`; before, as the member knows it. */
  members(options?: CallOptions & { readonly linearizable?: boolean }): Promise<readonly Member[]>
  /** Announces a member, to be started with `--initial-cluster-state existing` afterwards. Gives the new member. */
  addMember(options: AddMemberOptions): Promise<Member>
  /** Changes where the others reach a member. Throws `not_found`. */
  updateMember(
    id: bigint,
    options: CallOptions & { readonly peerUrls: readonly string[] },
  ): Promise<readonly Member[]>
  /** Throws `not_found`, and `unavailable` when the rest would have no majority. */
  removeMember(id: bigint, options?: CallOptions): Promise<readonly Member[]>
  /** Gives a learner its vote. Throws `failed_precondition` while it lags behind. */
  promoteMember(id: bigint, options?: CallOptions): Promise<readonly Member[]>
}

/** Makes the cluster service of a client. No I/O before the first call. */
export const createClusterService = (channel: Channel): ClusterService => ({
  async members({ linearizable = true, ...options } = {}) {
    const { members } = await channel.unary(
      Cluster.memberList,
      { linearizable },
      { ...options, retry: 'read' },
    )
    return members.map(memberOf)
  },

  async addMember({ peerUrls, isLearner = false, ...options }) {
    const request = { peerUrls: someUrls('MemberAdd', peerUrls), isLearner }
    const { member } = await channel.unary(Cluster.memberAdd, request, { ...options, retry: 'write' })
    if (member !== undefined) return memberOf(member)
    throw new EtcdError('malformed_message', {
      call: 'Cluster/MemberAdd',
      what: 'the answer names no member',
    })
  },

  async updateMember(id, { peerUrls, ...options }) {
    const request = { id, peerUrls: someUrls('MemberUpdate', peerUrls) }
    const { members } = await channel.unary(Cluster.memberUpdate, request, { ...options, retry: 'write' })
    return members.map(memberOf)
  },

  async removeMember(id, options = {}) {
    const { members } = await channel.unary(Cluster.memberRemove, { id }, { ...options, retry: 'write' })
    return members.map(memberOf)
  },

  async promoteMember(id, options = {}) {
    const { members } = await channel.unary(Cluster.memberPromote, { id }, { ...options, retry: 'write' })
    return members.map(memberOf)
  },
})

const memberOf = ({ id, name, peerUrls, clientUrls, isLearner }: WireMember): Member => ({
  id,
  name,
  peerUrls,
  clientUrls,
  isLearner,
})

const someUrls = (call: string, peerUrls: readonly string[]): readonly string[] => {
  if (peerUrls.length > 0) return peerUrls
  throw new EtcdError('invalid_argument', { call: `Cluster/${call}`, what: 'peerUrls is empty' })
}
