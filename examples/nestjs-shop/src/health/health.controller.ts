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

  /** Asks nothing: a process is not cured by a restart when the store is away. */
  @Get('livez')
  liveness() {
    return { status: 'up' }
  }
}
