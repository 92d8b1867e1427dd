export { LivetreeHealthIndicator } from './livetree-health-indicator.ts'
