import type { Resource } from 'livetree'
import type { Article, Catalog } from './catalog.ts'
import type { ShopConfig } from './shop-config.ts'

/** What the shop answers to who asks for an article. */
export interface Quote {
  readonly name: string
  /** Such as `24.90 EUR`. */
  readonly price: string
  /** With the feature `stock`. */
  readonly inStock?: number
  /** The versions of the configuration this answer was made from, by the code that asked: one, if all saw the same. */
  readonly versions: readonly number[]
}

/**
 * Prices an article. Whoever calls it need not hand the configuration's state on: it is pinned around the request, so
 * the currency read before the database is asked and the rate read after it belong together.
 *
 * @returns undefined when there is no such article
 */
export async function quote(
  config: ShopConfig,
  catalog: Resource<Catalog>,
  id: number,
): Promise<Quote | undefined> {
  const versions = [config.pinnedSnapshot().version]
  const { currency } = config.pinned().pricing
  return catalog.use(async (db) => {
    const article = await db.findArticle(id)
    if (article === undefined) return undefined
    const price = priceOf(article, config)
    const inStock = config.pinned().features.stock ? { inStock: await db.countInStock(id) } : {}
    versions.push(config.pinnedSnapshot().version)
    return { name: article.name, price: `${price} ${currency}`, ...inStock, versions }
  })
}

function priceOf({ cents }: Article, config: ShopConfig): string {
  return ((cents * config.pinned().pricing.rate) / 100).toFixed(2)
}
