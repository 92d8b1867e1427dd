import { LivetreeHealthIndicator } from '@livetree/nestjs/terminus'
import { Module } from '@nestjs/common'
import { TerminusModule } from '@nestjs/terminus'
import { HealthController } from './health.controller.ts'

@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [LivetreeHealthIndicator],
})
export class HealthModule {}
