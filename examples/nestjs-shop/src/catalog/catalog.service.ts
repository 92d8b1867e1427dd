import { type Catalog, type Quote, quote, type ShopConfig, shop } from '@livetree/example-shop'
import { InjectConfig } from '@livetree/nestjs'
import { Inject, Injectable, NotFoundException } from '@nestjs/common'
import type { Resource } from 'livetree'

export const CATALOG = Symbol('catalog')

/** Lives as long as the app. The pin needs no request scope. */
@Injectable()
export class CatalogService {
  readonly #config: ShopConfig
  readonly #catalog: Resource<Catalog>

  constructor(@InjectConfig(shop) config: ShopConfig, @Inject(CATALOG) catalog: Resource<Catalog>) {
    this.#config = config
    this.#catalog = catalog
  }

  async quote(id: number): Promise<Quote> {
    const found = await quote(this.#config, this.#catalog, id)
    if (found === undefined) throw new NotFoundException('There is no such article')
    return found
  }

  pool() {
    return { max: this.#catalog.current.max, ...this.#catalog.status }
  }
}
