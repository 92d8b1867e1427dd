import { Watch } from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import { duplex, type Route } from '../grpc/service.ts'
import { WatchStream } from '../watch/watch-stream.ts'

/** etcd's Watch service. */
export function watchService(engine: Engine): Route[] {
  return [
    duplex(Watch.watch, (stream, { caller }) => {
      const watches = new WatchStream(engine, {
        send: (response) => stream.send(response),
        fail: (error) => stream.fail(error),
        assertMayWatch: (range) => caller.assertRead(range),
      })
      return {
        receive: (request) => watches.receive(request),
        // As in etcd, a client that has half-closed its stream still receives events.
        end: () => {},
        drain: () => watches.drain(),
        close: () => watches.close(),
      }
    }),
  ]
}
