import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Article, type Catalog, firstArticles } from './catalog.ts'
import { ConnectionPool } from './connection-pool.ts'

/** Articles in a SQLite file of the pool's own, read over as many connections as the pool may open. */
export async function openSqliteCatalog(max: number): Promise<Catalog> {
  const folder = await mkdtemp(join(tmpdir(), 'livetree-shop-'))
  const file = join(folder, 'shop.sqlite')
  createFile(file)
  const pool = new ConnectionPool(max, () => new DatabaseSync(file, { readOnly: true }))
  const first = <Row>(sql: string, id: number) =>
    pool.use((connection) => connection.prepare(sql).get(id) as Row | undefined)
  return {
    max,
    findArticle: (id) => first<Article>('select name, cents from articles where id = ?', id),
    async countInStock(id) {
      return (await first<{ n: number }>('select in_stock as n from articles where id = ?', id))?.n ?? 0
    },
    async end() {
      await pool.end()
      await rm(folder, { recursive: true })
    },
  }
}

function createFile(file: string): void {
  const connection = new DatabaseSync(file)
  connection.exec(
    'create table articles (id integer primary key, name text, cents integer, in_stock integer)',
  )
  const insert = connection.prepare('insert into articles (name, cents, in_stock) values (?, ?, ?)')
  for (const { name, cents, inStock } of firstArticles) insert.run(name, cents, inStock)
  connection.close()
}
