import { Pool } from 'pg'
import { type Article, type Catalog, firstArticles } from './catalog.ts'

/** Articles in PostgreSQL; the table is made when there is none. */
export async function openPgCatalog(url: string, max: number, signal?: AbortSignal): Promise<Catalog> {
  const pool = new Pool({ connectionString: url, max, connectionTimeoutMillis: 5_000 })
  // a connection that is lost while idle is replaced by the pool; unheard, the event would end the process
  pool.on('error', () => {})
  try {
    await createTable(pool)
    signal?.throwIfAborted()
  } catch (error) {
    await pool.end()
    throw error
  }
  return {
    max,
    async findArticle(id) {
      const { rows } = await pool.query<Article>('select name, cents from articles where id = $1', [id])
      return rows[0]
    },
    async countInStock(id) {
      const { rows } = await pool.query<{ n: number }>('select in_stock as n from articles where id = $1', [
        id,
      ])
      return rows[0]?.n ?? 0
    },
    end: () => pool.end(),
  }
}

async function createTable(pool: Pool): Promise<void> {
  // several shops may start at once: one of them makes the table, the others wait for it
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock(4711)')
    await client.query(
      'create table if not exists articles (id int primary key, name text not null, cents int not null, in_stock int not null)',
    )
    for (const [index, { name, cents, inStock }] of firstArticles.entries()) {
      await client.query('insert into articles values ($1, $2, $3, $4) on conflict do nothing', [
        index + 1,
        name,
        cents,
        inStock,
      ])
    }
    await client.query('commit')
  } finally {
    client.release()
  }
}
