// Exports explicit names, so that nothing becomes public unnoticed.
export type { UntypedAdminOptions } from './admin.ts'
export { createAdmin } from './admin.ts'
export type { Admin, ReadOptions, WriteOptions } from './admin-contract.ts'
export type { Applied, ApplyOptions } from './change/applied.ts'
export type { ChangeOptions, ChangeSet } from './change/change-set.ts'
export type { Conflict, ConflictUnknown } from './change/conflict.ts'
export { describeConflict } from './change/conflict.ts'
export type { Plan } from './change/plan.ts'
export type { EffectiveValues, OtherPlace, PlannedChange, PlannedText } from './change/planned-change.ts'
export type { RollbackOptions } from './change/rollback.ts'
export type { SavedChange, SavedPlan } from './change/saved-plan.ts'
export type { AdminErrorCode } from './error-codes.ts'
export { adminErrorCodes } from './error-codes.ts'
export type { AdminErrorDetails } from './errors.ts'
export { AdminError } from './errors.ts'
export type { Convergence, InstanceAnswer, VerdictsOptions } from './fleet/convergence.ts'
export type { FleetCallOptions } from './fleet/fleet-outcome.ts'
export type { FollowInstancesOptions, InstanceNews, InstancesNews } from './fleet/follow-instances.ts'
export type { FleetInstances } from './fleet/instances.ts'
export type { Preflight, PreflightAnswer, PreflightOptions } from './fleet/preflight.ts'
export type { InstanceIssue, InstanceLayer, InstanceRecord, UnjudgedReason } from 'livetree/operate'
export type { HistoryOptions } from './history/history.ts'
export type {
  HistoryChange,
  HistoryEntry,
  NewerEntry,
  UnreadableEntry,
  RecordedEntry,
  UnrecordedEntry,
} from './history/history-entry.ts'
export type { RecordedChange, RecordedText, StoredRecord } from './history/record.ts'
export { jsonSchemaDefinition } from './json-schema-definition.ts'
export type { AdminOptions } from './options.ts'
export type {
  EncryptedValue,
  EncryptedValues,
  PlaintextValue,
  RotateOptions,
  Rotation,
} from './secrets/rotation.ts'
export type { PathLike, PathSelector } from './selector.ts'
export type { RevisionsOptions } from './tree/follow-revisions.ts'
export type { LayerChoice } from './tree/target-layer.ts'
export type { AdminTree, ExplainedPath, TreeEntry } from './tree/tree-view.ts'
export type { Difference, DiffSide } from './transfer/diff.ts'
export type { Exported, ExportOptions } from './transfer/export.ts'
export type { TransferFormat } from './transfer/formats.ts'
export type { ImportOptions } from './transfer/import.ts'
export type { PromoteOptions } from './transfer/promote.ts'
export type { CallOptions } from './workspace.ts'
