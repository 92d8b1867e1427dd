import { Cluster } from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import { type Route, unary } from '../grpc/service.ts'

/** etcd's Cluster service: the one member. Members can not be added, so the other methods are not there. */
export const clusterService = (engine: Engine, clientUrls: () => readonly string[]): Route[] => [
  unary(Cluster.memberList, (_request, { caller }) => {
    caller.assertKnown()
    const urls = clientUrls()
    const member = { id: engine.memberId, name: 'embedded', peerUrls: urls, clientUrls: urls }
    // etcd gives no revision here.
    return { header: engine.header(0), members: [member] }
  }),
]
