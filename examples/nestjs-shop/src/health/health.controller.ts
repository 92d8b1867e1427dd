import { LivetreeHealthIndicator } from '@livetree/nestjs/terminus'
import { Controller, Get } from '@nestjs/common'
import { HealthCheck, HealthCheckService } from '@nestjs/terminus'

@Controller()
export class HealthController {
  readonly #health: HealthCheckService
  readonly #livetree: LivetreeHealthIndicator

  constructor(health: HealthCheckService, livetree: LivetreeHealthIndicator) {
    this.#health = health
    this.#livetree = livetree
  }

  @Get('readyz')
  @HealthCheck()
  readiness() {
    return this.#health.check([() => this.#livetree.isHealthy()])
  }

  /** Liveness checks nothing: restarting the process does not help while the store is disconnected. */
  @Get('livez')
  liveness() {
    return { status: 'up' }
  }
}
