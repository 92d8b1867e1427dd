import { Cluster } from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import { type Route, unary } from '../grpc/service.ts'
import { ETCD_ERROR, GRPC_CODE, StatusError } from '../status.ts'

/** True for a peer URL that etcd accepts: scheme, host and port only. */
function isPeerUrl(text: string): boolean {
  return /^(https?|unixs?):\/\/[^/?#]+:\d+$/.test(text)
}

/** etcd's Cluster service for a single member: it can be listed and updated; no other member can join. */
export function clusterService(engine: Engine, clientUrls: () => readonly string[]): Route[] {
  let givenPeerUrls: readonly string[] | undefined
  const members = () => {
    const urls = clientUrls()
    return [{ id: engine.memberId, name: 'embedded', peerUrls: givenPeerUrls ?? urls, clientUrls: urls }]
  }
  const assertOurs = (id: bigint): void => {
    if (id !== engine.memberId) throw ETCD_ERROR.memberNotFound()
  }
  // etcd reports no revision in this service.
  const header = () => engine.header(0)
  return [
    unary(Cluster.memberList, (_request, { caller }) => {
      caller.assertKnown()
      return { header: header(), members: members() }
    }),
    unary(Cluster.memberAdd, ({ peerUrls }, { caller }) => {
      caller.assertAdmin()
      if (peerUrls.length === 0 || !peerUrls.every(isPeerUrl)) throw ETCD_ERROR.badMemberUrls()
      throw new StatusError(
        GRPC_CODE.unimplemented,
        'livetree embedded etcd is one node: no member can be added. Run an etcd cluster for that.',
      )
    }),
    unary(Cluster.memberRemove, ({ id }, { caller }) => {
      caller.assertAdmin()
      assertOurs(id)
      throw ETCD_ERROR.memberNotEnoughStarted()
    }),
    unary(Cluster.memberUpdate, ({ id, peerUrls }, { caller }) => {
      caller.assertAdmin()
      assertOurs(id)
      givenPeerUrls = peerUrls
      return { header: header(), members: members() }
    }),
    unary(Cluster.memberPromote, ({ id }, { caller }) => {
      caller.assertAdmin()
      assertOurs(id)
      throw ETCD_ERROR.memberNotLearner()
    }),
  ]
}
