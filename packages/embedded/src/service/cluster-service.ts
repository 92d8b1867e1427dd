import { Cluster } from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import { type Route, unary } from '../grpc/service.ts'

/** etcd's Cluster service: the one member. Members can not be added, so the other methods are not there. */
export const clusterService = (engine: Engine, endpoint: () => string): Route[] => [
  unary(Cluster.memberList, () => ({
    header: engine.header(),
    members: [
      {
        id: engine.memberId,
        name: 'embedded',
        peerUrls: [endpoint()],
        clientUrls: [endpoint()],
        isLearner: false,
      },
    ],
  })),
]
