import type { ShopConfig, ShopStore } from '@livetree/example-shop'
import { LivetreeModule } from '@livetree/nestjs'
import { type DynamicModule, Module } from '@nestjs/common'
import { CatalogModule } from './catalog/catalog.module.ts'
import { HealthModule } from './health/health.module.ts'
import { LogModule } from './log/log.module.ts'
import { StoreModule } from './store.module.ts'

@Module({ imports: [LogModule, CatalogModule, HealthModule] })
class AppModule {}

/** The app over a configuration that is loaded already. `isPinned: false` shows what the pin is for: a request may then see two states of it. */
export function createAppModule(config: ShopConfig, store: ShopStore, isPinned: boolean): DynamicModule {
  const root = LivetreeModule.forRoot({ config, isGlobal: true, pin: isPinned })
  return { module: AppModule, imports: [StoreModule.with(store), root] }
}
