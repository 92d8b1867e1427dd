import {
  ANYTHING,
  CALL_CHECKS,
  checkArgument,
  FLAG,
  MEMBER_ID,
  type OptionChecks,
  readOptions,
  refuseArgument,
  SOME_TEXT,
} from '../check-argument.ts'
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
  /** The URLs it announces to clients; empty until it has started. */
  readonly clientUrls: readonly string[]
  /** Replicates all data without a vote. */
  readonly isLearner: boolean
}

/** Options of `addMember`. */
export interface AddMemberOptions extends CallOptions {
  /** Where the other members reach it, e.g. `http://10.0.0.4:2380`. */
  readonly peerUrls: readonly string[]
  /** Add it without a vote. Default false. */
  readonly isLearner?: boolean
}

/**
 * Manages the members of the cluster. Changes are sent once and fail with `outcome_unknown` if the answer is
 * lost.
 */
export interface ClusterService {
  /**
   * Lists the members: linearizable since etcd 3.5 unless `linearizable: false`, otherwise as the member
   * knows them.
   */
  members(options?: CallOptions & { readonly linearizable?: boolean }): Promise<readonly Member[]>
  /**
   * Adds a member, to be started with `--initial-cluster-state existing` afterwards. Returns the new member.
   */
  addMember(options: AddMemberOptions): Promise<Member>
  /**
   * Replaces the peer URLs of a member.
   *
   * @throws EtcdError `not_found`
   */
  updateMember(
    id: bigint,
    options: CallOptions & { readonly peerUrls: readonly string[] },
  ): Promise<readonly Member[]>
  /** @throws EtcdError `not_found`; `unavailable` if the remaining members would have no majority */
  removeMember(id: bigint, options?: CallOptions): Promise<readonly Member[]>
  /**
   * Makes a learner a voting member.
   *
   * @throws EtcdError `failed_precondition` while it lags behind
   */
  promoteMember(id: bigint, options?: CallOptions): Promise<readonly Member[]>
}

const MEMBERS_CHECKS: OptionChecks<CallOptions & { readonly linearizable?: boolean }> = {
  ...CALL_CHECKS,
  linearizable: FLAG,
}
const UPDATE_CHECKS: OptionChecks<CallOptions & { readonly peerUrls: readonly string[] }> = {
  ...CALL_CHECKS,
  peerUrls: ANYTHING,
}
const ADD_CHECKS: OptionChecks<AddMemberOptions> = { ...UPDATE_CHECKS, isLearner: FLAG }

/** Creates the cluster service of a client. It makes no I/O before the first call. */
export function createClusterService(channel: Channel): ClusterService {
  return {
    async members(options) {
      const { linearizable = true, ...given } = readOptions('Cluster/MemberList', MEMBERS_CHECKS, options)
      const { members } = await channel.unary(
        Cluster.memberList,
        { linearizable },
        { ...given, retry: 'read' },
      )
      return members.map(memberOf)
    },

    async addMember(options) {
      const call = 'Cluster/MemberAdd'
      const { peerUrls, isLearner = false, ...given } = readOptions(call, ADD_CHECKS, options)
      const request = { peerUrls: someUrls(call, peerUrls), isLearner }
      const { member } = await channel.unary(Cluster.memberAdd, request, { ...given, retry: 'write' })
      if (member !== undefined) return memberOf(member)
      throw new EtcdError('malformed_message', { call, what: 'the answer names no member' })
    },

    async updateMember(id, options) {
      const call = 'Cluster/MemberUpdate'
      const { peerUrls, ...given } = readOptions(call, UPDATE_CHECKS, options)
      checkArgument(call, ID, MEMBER_ID, id)
      const request = { id, peerUrls: someUrls(call, peerUrls) }
      const { members } = await channel.unary(Cluster.memberUpdate, request, { ...given, retry: 'write' })
      return members.map(memberOf)
    },

    async removeMember(id, options) {
      const call = 'Cluster/MemberRemove'
      const given = readOptions(call, CALL_CHECKS, options)
      checkArgument(call, ID, MEMBER_ID, id)
      const { members } = await channel.unary(Cluster.memberRemove, { id }, { ...given, retry: 'write' })
      return members.map(memberOf)
    },

    async promoteMember(id, options) {
      const call = 'Cluster/MemberPromote'
      const given = readOptions(call, CALL_CHECKS, options)
      checkArgument(call, ID, MEMBER_ID, id)
      const { members } = await channel.unary(Cluster.memberPromote, { id }, { ...given, retry: 'write' })
      return members.map(memberOf)
    },
  }
}

const ID = 'the id of the member'

function memberOf({ id, name, peerUrls, clientUrls, isLearner }: WireMember): Member {
  return {
    id,
    name,
    peerUrls,
    clientUrls,
    isLearner,
  }
}

function someUrls(call: string, peerUrls: unknown): readonly string[] {
  const isList = Array.isArray(peerUrls) && peerUrls.every((url) => SOME_TEXT.accepts(url))
  if (!isList) throw refuseArgument('peerUrls is not a list of URLs', call)
  if (peerUrls.length > 0) return peerUrls
  throw refuseArgument('peerUrls is empty', call)
}
