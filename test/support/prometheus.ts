import type { TestContext } from 'vitest'
import { getPrometheus, type PrometheusPrograms } from '../../scripts/prometheus/get-prometheus.ts'

/** Prometheus and promtool. Where they cannot be had the test is skipped with the reason, and fails when `CI` is set. */
export async function prometheusFor(context: TestContext): Promise<PrometheusPrograms> {
  try {
    return await getPrometheus()
  } catch (error) {
    if (process.env.CI) throw error
    return context.skip((error as Error).message)
  }
}
