import type { ShopStore } from '@livetree/example-shop'
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common'

const STORE = Symbol('store')

/** Ends the store that runs in this process, after all that reads from it: global modules go last, the first of them at the very end. */
@Module({})
export class StoreModule implements OnApplicationShutdown {
  readonly #store: ShopStore

  constructor(@Inject(STORE) store: ShopStore) {
    this.#store = store
  }

  static with(store: ShopStore): DynamicModule {
    return { module: StoreModule, global: true, providers: [{ provide: STORE, useValue: store }] }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#store[Symbol.asyncDispose]()
  }
}
