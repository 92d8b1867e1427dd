import type { ClientHttp2Session } from 'node:http2'
import { prefixEnd } from '@livetree/etcd'
import { encodeFrame, type Event, FrameReader, Watch } from '@livetree/etcd/wire'

/**
 * The floor under every watch: one gRPC stream on node:http2, its frames cut and decoded, and nothing more. Resolves
 * when the server has made the watch.
 *
 * @param onEvents is called as the bytes come, with all events of one response
 */
export function openBareWatch(
  session: ClientHttp2Session,
  prefix: string,
  onEvents: (events: readonly Event[]) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': Watch.watch.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const reader = new FrameReader((payload) => {
      const response = Watch.watch.response.decode(payload)
      if (response.canceled)
        stream.destroy(new Error(`the bare watch was cancelled: ${response.cancelReason}`))
      else if (response.created) resolve()
      else onEvents(response.events)
    })
    stream.on('data', (chunk: Buffer) => reader.push(chunk))
    stream.on('error', reject)
    const key = Buffer.from(prefix)
    const value = { key, rangeEnd: prefixEnd(key) }
    stream.write(encodeFrame(Watch.watch.request, { request: { type: 'create', value } }))
  })
}
