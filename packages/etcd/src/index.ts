// For users
export type {
  AddUserOptions,
  AuthAdminService,
  AuthStatus,
  RoleAdmin,
  RolePermission,
  UserAdmin,
} from './auth-admin/auth-admin-service.ts'
export { createEtcdClient, type EtcdClient } from './client.ts'
export type { EtcdClientOptions, LimitOptions, TimeoutOptions } from './client-options.ts'
export type { Clock } from './clock.ts'
export type {
  CallMessage,
  ClientMessage,
  EndpointMessage,
  EndpointState,
  EtcdChannels,
  LeaseMessage,
  RetryMessage,
  WatchMessage,
  WatchRestartReason,
} from './diagnostics.ts'
export { errorCodes, type EtcdErrorCode, type Fate } from './error-codes.ts'
export { EtcdError, type EtcdErrorDetails, isFinalError, isSettingError } from './errors.ts'
export type { Bytes } from './bytes.ts'
export type { KeyRange } from './key-range-form.ts'
export type { AbortableIterator } from './kv/abortable.ts'
export type { AppendOptions, AppendResult } from './kv/append.ts'
export { Entry } from './kv/entry.ts'
export type { KvShortcuts, Kv, NextChangeOptions } from './kv/kv-shortcuts.ts'
export type { ConditionalOptions, CompareAndSwapOptions } from './kv/conditional-write.ts'
export type { CompactOptions, KvService } from './kv/kv-contract.ts'
export type { DeleteOptions, DeleteResult, PutOptions, PutResult, RangeResult } from './kv/operation.ts'
export type { PageOptions } from './kv/pages.ts'
export type { TtlOptions, TtlPutResult } from './kv/put-with-ttl.ts'
export type { NotText, ScanPage } from './kv/range-page.ts'
export type { CallControl, RangeOptions, RangeQuery, ReadOptions } from './kv/range-query.ts'
export type { ScanOptions, ScanResult } from './kv/scan.ts'
export { compare, type Condition, type Relation } from './kv/condition.ts'
export { op, type Ops, type ResultsOf, type Txn, type TxnOp, type TxnResult } from './kv/txn.ts'
export type { Lease } from './lease/lease-contract.ts'
export type { GrantOptions, LeaseInfo, LeaseService } from './lease/lease-contract.ts'
export type { Logger } from './logger.ts'
export type { AddMemberOptions, ClusterService, Member } from './maintenance/cluster-service.ts'
export type {
  Alarm,
  AlarmFilter,
  KvHash,
  MaintenanceService,
  MemberStatus,
} from './maintenance/maintenance-service.ts'
export type { SavedSnapshot } from './maintenance/save-snapshot.ts'
export type { SnapshotOptions, SnapshotReader } from './maintenance/snapshot.ts'
export type { ListedPage } from './reflector/listed-page.ts'
export type {
  ReflectedList,
  ReflectedRanges,
  Reflector,
  ReflectorHandlers,
  ReflectorOptions,
} from './reflector/reflector-types.ts'
export type { TlsOptions } from './tls-options.ts'
export type { BackoffOptions } from './transport/backoff.ts'
export type { DiscoveryOptions } from './transport/discover.ts'
export type {
  ClusterChange,
  WatchBatch,
  WatchContact,
  WatchEvent,
  WatchHandlers,
  WatchProgress,
} from './watch/watch-handlers.ts'
export type { KnownEntry, QueueOptions, WatchOptions, WatchSettings } from './watch/watch-options.ts'
export type { WatchReader } from './watch/watch-reader.ts'
export type { WatchService } from './watch/watch-contract.ts'
export type { SyncBatch, SyncHandlers, SyncOptions, SyncSnapshot, WatchSync } from './watch/sync-contract.ts'
export type { Watcher } from './watch/watcher.ts'

// For those who build services on the channel
export { callIsolated } from './call-isolated.ts'
export { checkClientOptions, copyClientOptions, isSameClient } from './client-options.ts'
export { guardLogger } from './logger.ts'
export { type ClientState, openClients } from './open-clients.ts'
export { keyAfter, Namespace, prefixEnd, type WireRange } from './key-range.ts'
export type {
  CallOptions,
  Channel,
  DuplexStream,
  Method,
  RetryClass,
  StreamHandlers,
} from './transport/transport.ts'
