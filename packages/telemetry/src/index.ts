// `@livetree/telemetry`: what both ways to show metrics have in common.
export {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricName,
  METRICS,
} from './metrics.ts'
export type { Telemetry } from './telemetry.ts'
