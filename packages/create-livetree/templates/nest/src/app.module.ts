import { LivetreeModule } from '@livetree/nestjs'
import { type DynamicModule, Module } from '@nestjs/common'
import type { LiveConfig } from 'livetree'
import type { AppConfig } from './config.ts'
import { GreetingController } from './greeting.controller.ts'

@Module({ controllers: [GreetingController] })
class AppModule {}

/** The app over a configuration that is loaded already. Each request sees one state of it, also across await. */
export function createAppModule(config: LiveConfig<AppConfig>): DynamicModule {
  return { module: AppModule, imports: [LivetreeModule.forRoot({ config, isGlobal: true })] }
}
