// What the server and the page send each other, as JSON. Texts that may be secret read `[secret]`.
export type { AppliedView, ApplyWire, ChangeWire, PlanView, PlannedView, StepWire } from './change.ts'
export type { ErrorView, IssueView } from './failure.ts'
export type { AnswerView, AnswersView, FleetView, InstanceView } from './fleet.ts'
export type { DiffView, DifferenceView, HistoryChangeView, HistoryPage, HistoryView } from './history.ts'
export type {
  HeldView,
  LayerView,
  RowView,
  RowsQuery,
  RowsView,
  SchemaPlaceView,
  SchemaView,
  SessionView,
  UnknownKeyView,
  ValueView,
} from './tree.ts'
export type { WirePath } from './wire-path.ts'
