// What the server and the page send each other, as JSON. Texts that may be secret read `[secret]`.
export type {
  AppliedView,
  ApplyWire,
  ChangeWire,
  PlanView,
  PlannedView,
  PromoteWire,
  StepWire,
} from './change.ts'
export type {
  CompareQuery,
  ComparedLineView,
  ComparedView,
  CompareView,
  SideWire,
} from './compare.ts'
export type { ConvergencePoint, ConvergenceView, LaggardView } from './convergence.ts'
export type { ErrorView, IssueView } from './failure.ts'
export type { AnswerView, AnswersView, FleetView, InstanceView } from './fleet.ts'
export type { DiffView, DifferenceView, HistoryChangeView, HistoryPage, HistoryView } from './history.ts'
export type { EnvironmentView, LayerView } from './layer.ts'
export type { LiveView, SaidView, TroubleView } from './live.ts'
export type {
  HeldView,
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
