import { channel } from 'node:diagnostics_channel'
import type { ConfigChannels, ReloadMessage } from '@livetree/core'
import type { CallMessage, EtcdChannels } from '@livetree/etcd'
import { guarded } from './telemetry.ts'
import { type Write, WriteLog } from './write-log.ts'

type Channels = ConfigChannels & EtcdChannels

/** What is called for the messages of configurations and clients. */
export interface Observer {
  ready?(message: Channels['livetree:ready']): void
  reloaded?(reload: ReloadMessage): void
  /** Called once for each reload, when it is known which calls of this process wrote it, or soon anyway. `writes`: these calls. */
  attributed?(reload: ReloadMessage, writes: readonly Write[]): void
  resource?(message: Channels['livetree:resource']): void
  callStarted?(call: CallMessage): void
  callEnded?(call: CallMessage): void
  retried?(message: Channels['livetree:etcd:retry']): void
  watchRestarted?(message: Channels['livetree:etcd:watch']): void
  renewed?(message: Channels['livetree:etcd:lease']): void
}

/** Subscribes to all channels of configurations and clients. Returns functions that end that, one by one. */
export function observe(observer: Observer): readonly (() => void)[] {
  const writes = new WriteLog((reload, found) => guarded(() => observer.attributed?.(reload, found)))
  return [
    on('livetree:ready', (message) => observer.ready?.(message)),
    on('livetree:reload', (message) => {
      guarded(() => observer.reloaded?.(message))
      writes.reloaded(message)
    }),
    on('livetree:resource', (message) => observer.resource?.(message)),
    on('tracing:livetree:etcd:call:start', (call) => {
      writes.started(call)
      observer.callStarted?.(call)
    }),
    on('tracing:livetree:etcd:call:asyncEnd', (call) => {
      guarded(() => observer.callEnded?.(call))
      writes.ended(call)
    }),
    on('livetree:etcd:retry', (message) => observer.retried?.(message)),
    on('livetree:etcd:watch', (message) => observer.watchRestarted?.(message)),
    on('livetree:etcd:lease', (message) => observer.renewed?.(message)),
    () => writes.flush(),
  ]
}

function on<Name extends keyof Channels>(name: Name, handle: (message: Channels[Name]) => void): () => void {
  const take = (message: unknown): void => void guarded(() => handle(message as Channels[Name]))
  const target = channel(name)
  target.subscribe(take)
  return () => void target.unsubscribe(take)
}
