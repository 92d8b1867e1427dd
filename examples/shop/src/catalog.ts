import type { ShopConfig } from './shop-config.ts'

export interface Article {
  readonly name: string
  readonly cents: number
}

/** The shop's database, behind a pool of connections. */
export interface Catalog {
  /** Connections it may open. */
  readonly max: number
  /** @throws Error once it has ended */
  findArticle(id: number): Promise<Article | undefined>
  /** @throws Error once it has ended */
  countInStock(id: number): Promise<number>
  end(): Promise<void>
}

export const firstArticles: readonly (Article & { readonly inStock: number })[] = [
  { name: 'Teapot', cents: 2_490, inStock: 12 },
  { name: 'Cup', cents: 790, inStock: 80 },
  { name: 'Saucer', cents: 450, inStock: 0 },
]

export type DbConfig = ShopConfig['current']['db']
