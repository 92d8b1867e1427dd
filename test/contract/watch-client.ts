import {
  type Event,
  EventType,
  type Init,
  Watch,
  type WatchCreateRequest,
  type WatchRequest,
  type WatchResponse,
} from '@livetree/etcd/wire'
import type { CallClient, CallStream, Metadata } from './call-client.ts'
import type { RawClient, RawStream } from './raw-client.ts'

/** What the client opens: over gRPC a stream that bytes can be sent on. */
type StreamOf<Client> = Client extends RawClient
  ? RawStream<WatchRequest, WatchResponse>
  : CallStream<WatchRequest, WatchResponse>

/** A watch stream with the few words that tests use on it. */
export class WatchClient<Client extends CallClient = CallClient> {
  readonly stream: StreamOf<Client>

  constructor(client: Client, metadata?: Metadata) {
    this.stream = client.open(Watch.watch, metadata) as StreamOf<Client>
  }

  /** Asks for a watch and gives the answer, which must be the next message. */
  async create(value: Init<WatchCreateRequest>): Promise<WatchResponse> {
    this.stream.send({ request: { type: 'create', value } })
    const response = await this.stream.next()
    if (!response.created) throw new Error(`Expected the watch to be created, got ${describe(response)}`)
    return response
  }

  cancel(watchId: number): void {
    this.stream.send({ request: { type: 'cancel', value: { watchId } } })
  }

  askProgress(): void {
    this.stream.send({ request: { type: 'progress', value: {} } })
  }

  next(timeoutMs?: number): Promise<WatchResponse> {
    return this.stream.next(timeoutMs)
  }

  /** Takes messages until they hold so many events. Nothing but events may come. */
  async events(count: number): Promise<Event[]> {
    const events: Event[] = []
    while (events.length < count) {
      const response = await this.stream.next()
      if (response.events.length === 0) throw new Error(`Expected events, got ${describe(response)}`)
      events.push(...response.events)
    }
    return events
  }
}

const describe = (response: WatchResponse): string =>
  JSON.stringify(response, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))

/** An event in short: `put a=1` or `delete a`. */
export const shortly = ({ type, kv }: Event): string =>
  type === EventType.put ? `put ${kv?.key}=${kv?.value}` : `delete ${kv?.key}`
